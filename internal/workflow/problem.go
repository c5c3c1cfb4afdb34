package workflow

import "squall/internal/expr/value"

// Category is what kind of fault a problem is.
type Category string

// The categories. All but load are Orquesta's.
const (
	CategoryLoad        Category = "load"
	CategorySyntax      Category = "syntax"
	CategorySemantics   Category = "semantics"
	CategoryExpressions Category = "expressions"
	CategoryContext     Category = "context"
)

// Problem is a fault of a definition: Orquesta's finding, and its place.
type Problem struct {
	Category   Category
	Message    string
	SpecPath   string // "tasks.t1.next[0].do"; "" for the whole document
	SchemaPath string
	// Language and Expression are set for findings in expressions; Language is
	// "" when several are mixed.
	Language   string
	Expression string
	// Line and Column count from 1; 0 is unknown.
	Line, Column int
}

// Value gives the finding in the form of the recordings, without line and
// column.
func (p *Problem) Value() *value.Dict {
	d := value.DictOf("category", string(p.Category), "message", p.Message, "spec_path", nil, "schema_path", nil)
	if p.SpecPath != "" {
		d.SetStr("spec_path", p.SpecPath)
	}
	if p.SchemaPath != "" {
		d.SetStr("schema_path", p.SchemaPath)
	}
	if p.Category == CategoryExpressions || p.Category == CategoryContext {
		d.SetStr("type", nil)
		if p.Language != "" {
			d.SetStr("type", p.Language)
		}
		d.SetStr("expression", p.Expression)
	}
	return d
}
