package content

import (
	"maps"
	"slices"
	"strings"
)

// Search lists the packs of the index, by name, whose name, description or
// keywords hold a text, whatever its case.
func (s *Service) Search(query string) ([]*Entry, error) {
	index, err := s.Index()
	if err != nil {
		return nil, err
	}
	found := []*Entry{}
	for _, ref := range slices.Sorted(maps.Keys(index)) {
		if index[ref].holds(strings.ToLower(query)) {
			found = append(found, index[ref])
		}
	}
	return found, nil
}

func (e *Entry) holds(text string) bool {
	return strings.Contains(strings.ToLower(strings.Join(append([]string{e.Ref, e.Name, e.Description}, e.Keywords...), "\n")), text)
}
