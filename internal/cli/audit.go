package cli

import (
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
	"squall/internal/client"
)

func (a *app) auditCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "Look at who changed or tried what"}
	cmd.AddCommand(a.auditListCommand())
	return cmd
}

func (a *app) auditListCommand() *cobra.Command {
	var (
		out   format
		q     client.AuditQuery
		since time.Duration
	)
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List entries of the audit log, the newest first",
		Long: `List entries of the audit log, the newest first: every change and every refusal,
with who, what, to what, from where, when and how it ended. It takes the
permission audit_view, which administrators have.`,
		Example: "  squall audit list --outcome denied --since 24h\n  squall audit list --user ann -n 200 -j",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			if since > 0 {
				q.Since = time.Now().Add(-since)
			}
			list, err := c.Audit(cmd.Context(), q)
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, list)
			}
			return a.printAudit(list)
		},
	}
	out.addTo(cmd)
	cmd.Flags().IntVarP(&q.Limit, "last", "n", 50, "how many")
	cmd.Flags().StringVar(&q.User, "user", "", "only what this user did")
	cmd.Flags().StringVar(&q.Action, "action", "", "only this permission, such as action_execute")
	cmd.Flags().StringVar(&q.Target, "target", "", "only what was done to this resource")
	cmd.Flags().StringVar(&q.From, "from", "", "only from this address")
	cmd.Flags().StringVar(&q.Outcome, "outcome", "", "done, denied, refused or failed")
	cmd.Flags().DurationVar(&since, "since", 0, "only of the last so long, such as 90m")
	return cmd
}

func (a *app) printAudit(list []wire.AuditEntry) error {
	rows := make([][]string, len(list))
	for i, e := range list {
		rows[i] = []string{
			e.Timestamp.Local().Format(time.DateTime), firstOf(oneLine(e.User), "-"), firstOf(oneLine(e.From), "-"), e.Outcome,
			oneLine(e.Action), oneLine(e.Target), oneLine(e.Detail),
		}
	}
	return a.io.table(newStyles(a.io.renderer()), []string{"TIME", "USER", "FROM", "OUTCOME", "ACTION", "TARGET", "DETAIL"}, rows)
}
