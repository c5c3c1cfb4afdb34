package api

import (
	"maps"
	"net/http"
	"slices"

	"squall/internal/squall"
	"squall/internal/store"
)

// maxFilterValues bounds what is offered to choose from.
const maxFilterValues = 10_000

// executionFilters answers with the values by which executions can be filtered.
// With types, only for those filters.
func (s *Server) executionFilters(w http.ResponseWriter, r *request) error {
	types := list(r.query, "types")
	wanted := func(name string) bool { return len(types) == 0 || slices.Contains(types, name) }
	answer := map[string][]string{}
	err := s.Store.View(r.Context(), func(tx store.Tx) error {
		clear(answer)
		var actions []string
		for name, column := range map[string]store.ExecutionColumn{"action": store.ByAction, "status": store.ByStatus, "user": store.ByUser} {
			if !wanted(name) && (name != "action" || !wanted("runner")) {
				continue
			}
			values, err := tx.DistinctExecutions(r.Context(), column, maxFilterValues)
			if err != nil {
				return err
			}
			if name == "action" {
				actions = values
			}
			if wanted(name) {
				answer[name] = append([]string{}, values...)
			}
		}
		if wanted("runner") {
			runners, err := tx.RunnersOf(r.Context(), actions)
			if err != nil {
				return err
			}
			answer["runner"] = append([]string{}, runners...)
		}
		names := map[string]func(*squall.Rule) string{
			"rule": func(rule *squall.Rule) string { return rule.Ref.Name },
			"trigger": func(rule *squall.Rule) string {
				return squall.TriggerFor(rule.Trigger.Type, rule.Trigger.Parameters).Ref.Name
			},
			"trigger_type": func(rule *squall.Rule) string { return rule.Trigger.Type.Name },
		}
		if !slices.ContainsFunc(slices.Collect(maps.Keys(names)), wanted) {
			return nil
		}
		fired, err := firedRules(r.Context(), tx)
		for name, of := range names {
			if wanted(name) {
				values := []string{}
				for _, rule := range fired {
					values = append(values, of(rule))
				}
				slices.Sort(values)
				answer[name] = slices.Compact(values)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return respondJSON(w, http.StatusOK, answer)
}
