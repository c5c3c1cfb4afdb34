package rule

import "squall/internal/expr/value"

// searchCondition says how the verdicts over items and over the children of
// an item are put together.
type searchCondition struct {
	allItems    bool // every item must do, else one is enough
	allChildren bool // an item does when all children match, else when one does
}

var searchConditions = map[string]searchCondition{
	"any":     {allItems: false, allChildren: true},
	"all":     {allItems: true, allChildren: true},
	"any2any": {allItems: false, allChildren: false},
	"all2any": {allItems: true, allChildren: false},
}

// itemScope is the name an item of a search has in keys and templates.
const itemScope = "item"

// search evaluates the children of the criterion on every item of the value.
// As in StackStorm nothing is left out once the result is known: every
// child of every item is evaluated, so that each failing one is recorded.
func (c *criterion) search(m *matching, v *CriterionVerdict, data bool) error {
	name, _ := value.AsString(c.condition)
	cond, ok := searchConditions[name]
	if !ok {
		shown, err := value.Str(m.b, c.condition)
		if err != nil {
			return err
		}
		return value.Errorf("UnrecognizedConditionError", "The '%s' search condition is not recognized, only 'any', 'all', 'any2any' and 'all2any' are allowed", shown)
	}
	// "Search" finds the operator, but only "search" is called as one (st2).
	if v.Operator != searchName && !m.bare {
		return value.TypeErrorf("search() must be written in lower case")
	}
	if err := m.b.Enter(); err != nil {
		return err
	}
	defer m.b.Leave()
	result, err := c.searchItems(m, v, cond, data)
	v.Matched = result && err == nil
	return err
}

func (c *criterion) searchItems(m *matching, v *CriterionVerdict, cond searchCondition, data bool) (bool, error) {
	children := c.children
	if members, ok := v.Pattern.(*value.Dict); ok && children == nil && members.Len() > 0 {
		// The pattern was not known beforehand.
		if err := m.b.Alloc(int64(members.Len()) * 512); err != nil {
			return false, err
		}
		children = compileCriteria(m.rule.set, members)
		data = data || !m.bare
	}
	items := v.Value
	if d, ok := items.(*value.Dict); ok {
		items = value.NewList(d)
	}
	result := cond.allItems
	err := value.Each(m.b, items, func(item any) (bool, error) {
		if _, ok := v.Pattern.(*value.Dict); !ok {
			return false, value.AttributeErrorf("'%s' object has no attribute 'items'", value.TypeName(v.Pattern))
		}
		sc := &scope{name: itemScope, payload: item, data: data}
		good, err := searchItem(m, v, children, sc, cond.allChildren)
		if cond.allItems {
			result = result && good
		} else {
			result = result || good
		}
		return true, err
	})
	return result, err
}

// searchItem evaluates every child on one item.
func searchItem(m *matching, v *CriterionVerdict, children []*criterion, sc *scope, all bool) (bool, error) {
	good := all
	for _, child := range children {
		if err := m.b.Alloc(256); err != nil { // a verdict per child and item
			return false, err
		}
		cv, err := child.eval(m, sc)
		v.Children = append(v.Children, cv)
		if err != nil {
			return false, err
		}
		if all {
			good = good && cv.Matched
		} else {
			good = good || cv.Matched
		}
	}
	return good, nil
}
