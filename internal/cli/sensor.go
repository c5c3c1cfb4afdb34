package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"squall/internal/api/wire"
)

// sensorCommand holds what the commands of StackStorm's client have not.
func (a *app) sensorCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "sensor", Short: "Sensors: programs that watch something and report events"}
	cmd.AddCommand(a.sensorStatusCommand())
	return cmd
}

func (a *app) sensorStatusCommand() *cobra.Command {
	var out format
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say how sensors are: where they run, for how long, what they use, why they ended",
		Long: `Say how sensors are: on which node each runs, since when, how many events it has
reported, what its process uses, and why it ended last. A sensor that ends is
started again, after a pause that grows to a minute; its state is "waiting" then.`,
		Example: "  squall sensor status\n  squall sensor status -j",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.connect()
			if err != nil {
				return err
			}
			answer, err := c.Do(cmd.Context(), http.MethodGet, "/api/v1/sensors", nil, nil)
			if err != nil {
				return err
			}
			var list []wire.SensorState
			if err := json.Unmarshal(answer.Body, &list); err != nil {
				return err
			}
			if out.machine() {
				return out.print(a.io.Stdout, list)
			}
			rows := make([][]string, len(list))
			for i, s := range list {
				rows[i] = sensorRow(&s)
			}
			return a.io.table(newStyles(a.io.renderer()), []string{"SENSOR", "STATE", "SINCE", "NODE", "EVENTS", "RESTARTS", "CPU", "MEMORY", "ENDED WITH"}, rows)
		},
	}
	out.addTo(cmd)
	return cmd
}

func sensorRow(s *wire.SensorState) []string {
	cpu, memory := "-", "-"
	if s.PID != 0 {
		cpu = time.Duration(s.CPU * float64(time.Second)).Round(10 * time.Millisecond).String()
		memory = fmt.Sprintf("%d MB", s.RSS>>20)
	}
	return []string{s.Name, s.State, s.Since.Local().Format(time.DateTime), s.Node, strconv.FormatInt(s.Events, 10),
		strconv.FormatInt(s.Restarts, 10), cpu, memory, oneLine(s.Error)}
}
