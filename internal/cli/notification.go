package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
)

func (a *app) notificationCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "notification", Short: "What was told to the world"}
	cmd.AddCommand(a.notificationListCommand())
	return cmd
}

func (a *app) notificationListCommand() *cobra.Command {
	var out format
	var state string
	limit := 50
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List messages for sinks, newest first",
		Example: "  squall notification list --state lost",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			var list []wire.Notification
			answer, err := c.Do(cmd.Context(), http.MethodGet, "/api/v1/notifications", url.Values{"state": {state}, "limit": {fmt.Sprint(limit)}}, nil)
			if err == nil {
				err = json.Unmarshal(answer.Body, &list)
			}
			if err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, list)
			}
			rows := make([][]string, len(list))
			for i, n := range list {
				rows[i] = []string{string(n.ID), ago(n.CreatedAt.Time, time.Now()), n.Sink, n.State, fmt.Sprint(n.Attempt), oneLine(n.Message), oneLine(n.Fault)}
			}
			return a.io.table(newStyles(a.io.renderer()), []string{"ID", "WRITTEN", "SINK", "STATE", "ATTEMPTS", "MESSAGE", "FAULT"}, rows)
		},
	}
	out.addTo(cmd)
	cmd.Flags().StringVar(&state, "state", "", "open, done or lost")
	cmd.Flags().IntVarP(&limit, "last", "n", limit, "how many")
	return cmd
}
