package conformance

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sync/errgroup"
)

// Config says what to run.
type Config struct {
	Root     string
	Suite    string        // only this suite
	Category string        // only categories with this prefix
	ID       string        // only ids with this prefix
	Limit    time.Duration // per case; default 10 s
	Suites   []Suite
	// Verbose lists every failure.
	Verbose bool
}

// Report is the outcome of a run.
type Report struct {
	Outcomes []Outcome
}

// Run runs the chosen cases, suite after suite.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if cfg.Limit == 0 {
		cfg.Limit = 10 * time.Second
	}
	list, err := ExpectedFailures()
	if err != nil {
		return nil, err
	}
	rep := &Report{}
	for _, s := range cfg.Suites {
		if cfg.Suite != "" && s.Name != cfg.Suite {
			continue
		}
		cases, err := Load(cfg.Root, s)
		if err != nil {
			return nil, err
		}
		outcomes, err := runSuite(ctx, s, cases, cfg, expectationsOf(list))
		if err != nil {
			return nil, err
		}
		rep.Outcomes = append(rep.Outcomes, outcomes...)
	}
	return rep, nil
}

// runSuite runs those of a suite's cases that were chosen; their outcomes are in
// the same order.
func runSuite(ctx context.Context, s Suite, all []*Case, cfg Config, expected expectations) ([]Outcome, error) {
	var cases []*Case
	for _, c := range all {
		if strings.HasPrefix(c.Category, cfg.Category) && strings.HasPrefix(c.ID, cfg.ID) {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return nil, nil
	}
	limit := cmp.Or(s.Limit, cfg.Limit)
	if s.Prepare != nil {
		stop, err := s.Prepare(ctx, all)
		if err != nil {
			return nil, fmt.Errorf("prepare suite %s: %w", s.Name, err)
		}
		defer stop()
	}
	outcomes := make([]Outcome, len(cases))
	var g errgroup.Group
	g.SetLimit(max(1, s.Parallel))
	for i, c := range cases {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			why := run(ctx, s, c, limit)
			outcomes[i] = Outcome{Case: c, Why: why, Expected: expected.reason(c.ID, why != "")}
			return nil
		})
	}
	return outcomes, g.Wait()
}

// Counts gives how many cases passed, as recorded or as corrected, and failed;
// expected failures are in neither.
func (r *Report) Counts() (passed, failed, expected int) {
	for _, o := range r.Outcomes {
		switch {
		case o.Failed():
			failed++
		case o.ExpectedFailure():
			expected++
		default:
			passed++
		}
	}
	return passed, failed, expected
}

// Describe tells a person about a failure.
func (o Outcome) Describe() string {
	if o.Why == "" {
		return fmt.Sprintf("%s unexpectedly passes (listed: %s)", o.Case.ID, o.Expected)
	}
	return fmt.Sprintf("%s [%s] %s\n    %s", o.Case.ID, o.Case.Mode, show(o.Case.Input), o.Why)
}

// Write prints the table; its last line is "N passed, M failed". What passes
// against a corrected recording (see Case.Corrected) has a column of its own.
func (r *Report) Write(w io.Writer, verbose bool) error {
	type key struct{ suite, category string }
	type row struct{ passed, corrected, failed, expected int }
	var order []key
	rows := map[key]*row{}
	for _, o := range r.Outcomes {
		k := key{o.Case.Suite, o.Case.Category}
		if rows[k] == nil {
			rows[k] = &row{}
			order = append(order, k)
		}
		switch {
		case o.Failed():
			rows[k].failed++
			if verbose {
				if _, err := fmt.Fprintln(w, o.Describe()); err != nil {
					return err
				}
			}
		case o.ExpectedFailure():
			rows[k].expected++
		case o.Case.Corrected != "":
			rows[k].corrected++
		default:
			rows[k].passed++
		}
	}
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tw, "suite\tcategory\tpassed\tas corrected\tfailed\texpected failures")
	for _, k := range order {
		fmt.Fprintf(tw, "%s\t%s\t%d\t%d\t%d\t%d\n", k.suite, k.category, rows[k].passed, rows[k].corrected, rows[k].failed, rows[k].expected)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	passed, failed, _ := r.Counts()
	_, err := fmt.Fprintf(w, "%d passed, %d failed\n", passed, failed)
	return err
}
