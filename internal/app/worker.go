package app

import (
	"io"
	"strings"

	"github.com/spf13/cobra"
)

func workerCommand(stderr io.Writer) *cobra.Command {
	var labels []string
	cmd := &cobra.Command{
		Use:   "worker",
		Short: "Start a node that runs actions",
		Long: `Start a node of a cluster that runs actions: like squall server, but its API listens
on this machine only, on any free port. With --labels it takes only actions that ask
for one of them (labels in their metadata); nodes without these labels leave them alone.`,
		Example: `  squall worker --postgres postgres://squall@db/squall --labels zone=dmz
  squall worker --labels gpu=yes,zone=dmz --set scheduler.label_limits=gpu=yes:2`,
		Args: cobra.NoArgs,
	}
	sources := sourceFlags(cmd)
	cmd.Flags().StringSliceVar(&labels, "labels", nil, "take only actions that ask for one of these: name=value")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		src := sources()
		if len(labels) > 0 {
			src.Flags["scheduler.labels"], src.Flags["scheduler.only_labels"] = strings.Join(labels, ","), "true"
		}
		if _, ok := src.Flags["server.listen"]; !ok {
			src.Flags["server.listen"] = "127.0.0.1:0"
		}
		return serveUntilSignal(cmd, src, stderr)
	}
	return cmd
}
