package portable

import (
	"bytes"
	"context"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
	"squall/internal/store/driver"
)

// sealedMark is what documents with something sealed hold.
var sealedMark = []byte("sealed:")

// marked is an expression for the document in a column if it holds the mark, NULL
// otherwise. It takes the mark as a parameter.
func (t Statements) marked(column string) string {
	return `CASE WHEN ` + fmt.Sprintf(t.Holds, column) + ` THEN ` + column + ` END`
}

// SealedDocuments implements store.Sealed.
func (t Statements) SealedDocuments(ctx context.Context, after store.SealedPlace, n int) (page store.SealedPage, err error) {
	page.Last = after
	switch after.Table {
	case store.SealedExecutions:
		err = t.sealedExecutions(ctx, &page, n)
	case store.SealedWorkflows:
		err = t.sealedWorkflows(ctx, &page, n)
	case store.SealedRows:
		err = t.sealedRows(ctx, &page, n)
	case store.SealedValues:
		err = t.sealedValues(ctx, &page, n)
	default:
		err = fmt.Errorf("there is no table %q", after.Table)
	}
	return page, driver.Wrap("find sealed documents", err)
}

// found adds the document at the last place of a page, if there is one.
func found(page *store.SealedPage, part store.SealedPart, action squall.Ref, doc []byte) {
	if len(doc) > 0 {
		page.Documents = append(page.Documents, &store.SealedDocument{SealedPlace: page.Last, Part: part, Doc: bytes.Clone(doc),
			Owner: []store.SealedOwner{{Part: part, Execution: page.Last.ID, Action: action}}})
	}
}

func (t Statements) sealedExecutions(ctx context.Context, page *store.SealedPage, n int) error {
	return t.Each(ctx, `
		SELECT id, action, `+t.marked("parameters")+`, `+t.marked("result")+` FROM executions WHERE id > ? ORDER BY id LIMIT ?`,
		[]any{sealedMark, sealedMark, driver.Place(page.Last.ID), n}, func(r Row) error {
			page.Looked++
			page.Last.ID = r.ID()
			action, _ := squall.ParseRef(r.Text())
			found(page, store.SealedParameters, action, r.Bytes())
			found(page, store.SealedResult, action, r.Bytes())
			return r.Err()
		})
}

func (t Statements) sealedWorkflows(ctx context.Context, page *store.SealedPage, n int) error {
	return t.Each(ctx, `SELECT id, `+t.marked("state")+` FROM workflows WHERE id > ? ORDER BY id LIMIT ?`,
		[]any{sealedMark, driver.Place(page.Last.ID), n}, func(r Row) error {
			page.Looked++
			page.Last.ID = r.ID()
			found(page, store.SealedState, squall.Ref{}, r.Bytes())
			return r.Err()
		})
}

func (t Statements) sealedRows(ctx context.Context, page *store.SealedPage, n int) error {
	k := page.Last.Row
	return t.Each(ctx, `
		SELECT workflow, kind, name, route, number, `+t.marked("doc")+` FROM workflow_rows
		WHERE (workflow, kind, name, route, number) > (?, ?, ?, ?, ?)
		ORDER BY workflow, kind, name, route, number LIMIT ?`,
		[]any{sealedMark, driver.Place(page.Last.ID), int(k.Kind), k.Name, k.Route, k.Number, n}, func(r Row) error {
			page.Looked++
			page.Last.ID = r.ID()
			page.Last.Row = store.WorkflowKey{Kind: store.WorkflowRowKind(r.Int()), Name: r.Text(), Route: r.Int(), Number: r.Int64()}
			found(page, store.SealedState, squall.Ref{}, r.Bytes())
			return r.Err()
		})
}

// sealedValues reads what is compressed and looks for itself.
func (t Statements) sealedValues(ctx context.Context, page *store.SealedPage, n int) error {
	after, _ := driver.DecodeRef(page.Last.Ref)
	if after == nil {
		after = []byte{}
	}
	err := t.Each(ctx, `
		SELECT root, ref, size, compressed, CASE WHEN compressed = TRUE OR `+fmt.Sprintf(t.Holds, "body")+` THEN body END FROM docs
		WHERE (root, ref) > (?, ?) ORDER BY root, ref LIMIT ?`,
		[]any{sealedMark, driver.Place(page.Last.ID), after, n}, func(r Row) error {
			page.Looked++
			page.Last.ID, page.Last.Ref = r.ID(), driver.EncodeRef(r.Bytes())
			size, compressed := r.Int(), r.Bool()
			doc, err := driver.Decompress(r.Bytes(), compressed, size)
			if err == nil && bytes.Contains(doc, sealedMark) {
				page.Documents = append(page.Documents, &store.SealedDocument{SealedPlace: page.Last, Doc: bytes.Clone(doc)})
			}
			return err
		})
	for _, d := range page.Documents {
		if err == nil {
			err = t.owners(ctx, d)
		}
	}
	return err
}

// owners finds whose document a value is.
func (t Statements) owners(ctx context.Context, d *store.SealedDocument) error {
	column := reference(d)
	err := t.Each(ctx, `
		SELECT id, action, parameters = ?, result = ? FROM executions
		WHERE (root = ? AND child = TRUE OR id = ?) AND (parameters = ? OR result = ?)`,
		[]any{column, column, d.ID, d.ID, column, column}, func(r Row) error {
			id := r.ID()
			action, _ := squall.ParseRef(r.Text())
			for _, part := range []store.SealedPart{store.SealedParameters, store.SealedResult} {
				if r.Bool() {
					d.Owner = append(d.Owner, store.SealedOwner{Part: part, Execution: id, Action: action})
				}
			}
			return r.Err()
		})
	if err != nil {
		return err
	}
	err = t.Each(ctx, `
		SELECT id FROM workflows WHERE root = ? AND (state = ? OR id IN (SELECT workflow FROM workflow_rows WHERE workflow = workflows.id AND doc = ?))`,
		[]any{d.ID, column, column}, func(r Row) error {
			d.Owner = append(d.Owner, store.SealedOwner{Part: store.SealedState, Execution: r.ID()})
			return r.Err()
		})
	if err != nil || len(d.Owner) > 0 {
		return err
	}
	n, err := t.Number(ctx, `SELECT count(*) FROM docs WHERE `+unused, unusedArgs(d)...)
	d.Unused = n > 0
	return err
}

// unused is the condition that a value exists and that nothing refers to it.
const unused = `root = ? AND ref = ?
	AND NOT EXISTS (SELECT 1 FROM executions AS e WHERE (e.root = ? AND e.child = TRUE OR e.id = ?) AND (e.parameters = ? OR e.context = ? OR e.result = ?))
	AND NOT EXISTS (SELECT 1 FROM workflows AS w WHERE w.root = ? AND (w.state = ? OR w.id IN
		(SELECT r.workflow FROM workflow_rows AS r WHERE r.workflow = w.id AND r.doc = ?)))
	AND NOT EXISTS (SELECT 1 FROM events AS v WHERE v.id = ? AND v.payload = ?)`

func unusedArgs(d *store.SealedDocument) []any {
	key, _ := driver.DecodeRef(d.Ref)
	column := reference(d)
	return []any{d.ID, key, d.ID, d.ID, column, column, column, d.ID, column, column, d.ID, column}
}

// reference is what columns hold that refer to a value.
func reference(d *store.SealedDocument) []byte {
	key, _ := driver.DecodeRef(d.Ref)
	return driver.Reference(key)
}

// ReplaceSealed implements store.Sealed. A value keeps its name, which is the
// digest of what it was first.
func (t Statements) ReplaceSealed(ctx context.Context, d *store.SealedDocument, fresh []byte) (bool, error) {
	if len(fresh) != len(d.Doc) {
		return false, fmt.Errorf("replace sealed document of %s: it has %d bytes, not %d", d.ID, len(fresh), len(d.Doc))
	}
	var n int
	var err error
	switch k := d.Row; {
	case d.Table == store.SealedExecutions && d.Part == store.SealedParameters:
		n, err = t.Write(`UPDATE executions SET parameters = ? WHERE id = ? AND parameters = ?`, fresh, d.ID, d.Doc)
	case d.Table == store.SealedExecutions && d.Part == store.SealedResult:
		n, err = t.Write(`UPDATE executions SET result = ? WHERE id = ? AND result = ?`, fresh, d.ID, d.Doc)
	case d.Table == store.SealedWorkflows:
		n, err = t.Write(`UPDATE workflows SET state = ? WHERE id = ? AND state = ?`, fresh, d.ID, d.Doc)
	case d.Table == store.SealedRows:
		n, err = t.Write(`UPDATE workflow_rows SET doc = ? WHERE workflow = ? AND kind = ? AND name = ? AND route = ? AND number = ? AND doc = ?`,
			fresh, d.ID, int(k.Kind), k.Name, k.Route, k.Number, d.Doc)
	case d.Table == store.SealedValues:
		n, err = t.replaceValue(ctx, d, fresh)
	default:
		err = fmt.Errorf("there is no %s in table %q", d.Part, d.Table)
	}
	return n > 0, driver.Wrap("replace sealed document of "+string(d.ID), err)
}

func (t Statements) replaceValue(ctx context.Context, d *store.SealedDocument, fresh []byte) (int, error) {
	if t.Job() == nil {
		return 0, ErrReadOnly
	}
	v, err := t.Job().Value(fresh)
	if err != nil {
		return 0, err
	}
	key, ok := driver.DecodeRef(d.Ref)
	if !ok {
		return 0, fmt.Errorf("%q refers to no value", d.Ref)
	}
	now, _, err := t.value(ctx, d.ID, key) // values change in this way only, and here two do the same
	if err != nil || !bytes.Equal(now, d.Doc) {
		return 0, err
	}
	return t.Write(`UPDATE docs SET compressed = ?, body = ? WHERE root = ? AND ref = ?`, v.Compressed, v.Body, d.ID, key)
}

// DeleteUnusedValue implements store.Sealed.
func (t Statements) DeleteUnusedValue(_ context.Context, d *store.SealedDocument) (bool, error) {
	n, err := t.Write(`DELETE FROM docs WHERE `+unused, unusedArgs(d)...)
	return n > 0, driver.Wrap("delete unused value of "+string(d.ID), err)
}
