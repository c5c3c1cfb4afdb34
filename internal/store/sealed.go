package store

import (
	"context"

	"squall/internal/squall"
)

// Sealed leads to what is stored of executions and workflows in a sealed form
// (see internal/auth), so that it can be sealed again with another key. The store
// does not know the keys: it looks for the mark, the text "sealed:".
type Sealed interface {
	// SealedDocuments looks at the n places behind after, in the order of their
	// table, and returns the documents there that hold the mark.
	SealedDocuments(ctx context.Context, after SealedPlace, n int) (SealedPage, error)
	// ReplaceSealed puts fresh, which is as long, in the place of a document. It
	// returns false, and writes nothing, when another one is there by now.
	ReplaceSealed(ctx context.Context, d *SealedDocument, fresh []byte) (bool, error)
	// DeleteUnusedValue removes a value if nothing refers to it, and reports whether
	// it did.
	DeleteUnusedValue(ctx context.Context, d *SealedDocument) (bool, error)
}

// SealedTable is where documents lie.
type SealedTable string

// The tables. Large documents of the first three lie in the last one.
const (
	SealedExecutions SealedTable = "executions"
	SealedWorkflows  SealedTable = "workflows"
	SealedRows       SealedTable = "rows of workflows"
	SealedValues     SealedTable = "large values"
)

// SealedPlace is a row of a table; without its key, the place in front of all.
type SealedPlace struct {
	Table SealedTable
	ID    squall.ID   // the execution or workflow; of values, their root
	Row   WorkflowKey // of rows
	Ref   string      // of values
}

// SealedPage is what was found at some places.
type SealedPage struct {
	Documents []*SealedDocument
	Looked    int         // at how many places; fewer than wanted: it was the end
	Last      SealedPlace // where to go on
}

// SealedDocument is a document that holds the mark.
type SealedDocument struct {
	SealedPlace
	Part  SealedPart // of an execution, for which there may be two documents
	Doc   []byte
	Owner []SealedOwner // whose document it is; none of a value that is not of these parts
	// Unused says that nothing refers to a value.
	Unused bool
}

// SealedOwner is who has a document.
type SealedOwner struct {
	Part      SealedPart
	Execution squall.ID
	Action    squall.Ref // of parameters and results
}

// SealedPart says what a document is.
type SealedPart string

// The parts.
const (
	SealedParameters SealedPart = "parameters"
	SealedResult     SealedPart = "result"
	SealedState      SealedPart = "state" // of a workflow: its own row, or one of its rows
)
