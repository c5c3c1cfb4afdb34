package alias

import (
	"strings"

	"squall/internal/expr/pyre"
	"squall/internal/expr/value"
)

// pair is a parameter given as key=value at the end of a command.
type pair struct{ key, value string }

var (
	pairForm    = `(?:^|\s+)` + nameForm + `=(` + delimited + `|(\S+))`
	pairRegex   = mustCompile(pairForm, pyre.DotAll)
	endingRegex = mustCompile(`.*?((`+pairForm+`\s*)*)$`, pyre.DotAll)
)

// cutPairs takes the pairs off the end of a command. The text of the pairs goes
// wherever it occurs, and what is left stands between two blanks (st2).
func cutPairs(b *value.Budget, command string) ([]pair, string, error) {
	if len(command) > maxCommand {
		return nil, "", value.Errorf("LimitError", "command is longer than %d bytes", maxCommand)
	}
	var pairs []pair
	m, err := endingRegex.Match(b, command)
	if err != nil {
		return nil, "", err
	}
	if m != nil && m.Text(1) != "" {
		ending := m.Text(1)
		err := pairRegex.Each(b, ending, 0, func(p *pyre.Match) (bool, error) {
			pairs = append(pairs, pair{p.Text(1), joined(p, 3)})
			return true, nil
		})
		if err != nil {
			return nil, "", err
		}
		command = strings.ReplaceAll(command, ending, "")
	}
	return pairs, " " + command + " ", nil
}
