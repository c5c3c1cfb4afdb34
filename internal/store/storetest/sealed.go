package storetest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"squall/internal/squall"
	"squall/internal/store"
)

var sealedTables = []store.SealedTable{store.SealedExecutions, store.SealedWorkflows, store.SealedRows, store.SealedValues}

// sealedDoc is a document of size bytes that holds the mark and the name.
func sealedDoc(name string, size int) json.RawMessage {
	return fmt.Appendf(nil, `{"x":"sealed:%s",%s:1}`, name, document(size))
}

// sealed reads all documents that hold the mark, n places at a time.
func (b *bundle) sealed(n int) (list []*store.SealedDocument, looked int) {
	b.Helper()
	for _, table := range sealedTables {
		for place := (store.SealedPlace{Table: table}); ; {
			var page store.SealedPage
			b.view(func(tx store.Tx) (err error) {
				page, err = tx.SealedDocuments(b.Context(), place, n)
				return err
			})
			if place = page.Last; page.Looked > n || place.Table != table {
				b.Fatalf("a page of %d places ends at %+v", page.Looked, place)
			}
			list, looked = append(list, page.Documents...), looked+page.Looked
			if page.Looked < n {
				break
			}
		}
	}
	return list, looked
}

func (b *bundle) replace(d *store.SealedDocument, fresh []byte, want bool) {
	b.Helper()
	b.update(func(tx store.Tx) error {
		got, err := tx.ReplaceSealed(b.Context(), d, fresh)
		if err == nil && got != want {
			b.Errorf("ReplaceSealed of %+v = %t, want %t", d.SealedPlace, got, want)
		}
		return err
	})
}

func testSealed(b *bundle) {
	b.equal("sealed documents of an empty database", len(must(b.sealed(3))), 0)
	action := squall.Ref{Pack: "p", Name: "secret"}
	var want []string // part, execution, size of each
	expect := func(part store.SealedPart, id squall.ID, doc []byte) {
		want = append(want, fmt.Sprintf("%s %s %s %d", part, id, doc[:min(len(doc), 20)], len(doc)))
	}
	for i, size := range []int{10, 3000, 20_000} { // in the row, apart, compressed by the caller
		top := b.insert(func(ex *squall.Execution) {
			ex.Action, ex.Parameters, ex.Result = action, sealedDoc(fmt.Sprint("A", i), size), sealedDoc(fmt.Sprint("B", i), size)
		})
		expect(store.SealedParameters, top.ID, top.Parameters)
		expect(store.SealedResult, top.ID, top.Result)
		child := b.insert(childOf(top), func(ex *squall.Execution) {
			ex.Action, ex.Parameters, ex.Context, ex.Result = action, document(size), document(size+1), sealedDoc(fmt.Sprint("C", i), size)
		})
		expect(store.SealedResult, child.ID, child.Result)
		flow := b.insert(childOf(top))
		c := store.WorkflowChange{ID: flow.ID, Root: flow.Root, State: sealedDoc(fmt.Sprint("D", i), size), Put: []store.WorkflowRow{
			{WorkflowKey: rowKey(store.WorkflowTask, "", 0, 1), Doc: sealedDoc(fmt.Sprint("E", i), size)},
			{WorkflowKey: rowKey(store.WorkflowItem, "é☂", 2, 1), Doc: sealedDoc(fmt.Sprint("F", i), size)},
			{WorkflowKey: rowKey(store.WorkflowItem, "plain", 2, 1), Doc: document(size)},
		}}
		b.change(c)
		expect(store.SealedState, flow.ID, c.State)
		expect(store.SealedState, flow.ID, c.Put[0].Doc)
		expect(store.SealedState, flow.ID, c.Put[1].Doc)
	}
	slices.Sort(want)
	for _, n := range []int{1, 2, 100} {
		list, looked := b.sealed(n)
		var got []string
		for _, d := range list {
			if len(d.Owner) != 1 {
				b.Fatalf("%+v has the owners %v", d.SealedPlace, d.Owner)
			}
			o := d.Owner[0]
			if d.Table != store.SealedValues && (d.Part != o.Part || d.ID != o.Execution) || o.Part != store.SealedState && o.Action != action {
				b.Errorf("%s %s at %+v is of %+v", d.Part, d.Doc, d.SealedPlace, o)
			}
			got = append(got, fmt.Sprintf("%s %s %s %d", o.Part, o.Execution, d.Doc[:min(len(d.Doc), 20)], len(d.Doc)))
		}
		slices.Sort(got)
		b.equal("sealed documents", got, want)
		if looked < len(want) {
			b.Errorf("%d places were looked at", looked)
		}
	}

	// Each is replaced where it lies, once; what is read then is the new one.
	list, _ := b.sealed(100)
	for _, d := range list {
		fresh := bytes.Replace(d.Doc, []byte("sealed:"), []byte("SEALED:"), 1)
		other := *d
		other.Doc = bytes.Replace(d.Doc, []byte("sealed:"), []byte("broken:"), 1)
		b.replace(&other, fresh, false)
		b.replace(d, fresh, true)
		b.replace(d, fresh, false)
		b.wantKind("a document of another length", b.s.Update(b.Context(), func(tx store.Tx) error {
			_, err := tx.ReplaceSealed(b.Context(), d, append(fresh, ' '))
			return err
		}), squall.Internal)
	}
	left, _ := b.sealed(100)
	b.equal("documents that were not replaced", len(left), 0)
	for _, d := range list {
		for _, o := range d.Owner {
			fresh := bytes.Replace(d.Doc, []byte("sealed:"), []byte("SEALED:"), 1)
			ex := b.read(o.Execution)
			var docs [][]byte
			switch o.Part {
			case store.SealedParameters:
				docs = [][]byte{ex.Parameters}
			case store.SealedResult:
				docs = [][]byte{ex.Result}
			case store.SealedState:
				for _, row := range b.rows(o.Execution) {
					docs = append(docs, row.Doc)
				}
				b.view(func(tx store.Tx) error {
					w, err := tx.Workflow(b.Context(), o.Execution)
					docs = append(docs, w.State)
					return err
				})
			}
			if !slices.ContainsFunc(docs, func(doc []byte) bool { return bytes.Equal(doc, fresh) }) {
				b.Errorf("the %s of %s is not the new one", o.Part, o.Execution)
			}
			if ex.Version != 1 || !ex.UpdatedAt.Equal(ex.CreatedAt) {
				b.Errorf("execution %s has moved", ex.ID)
			}
		}
	}
}

// A large document that nothing refers to any more is nobody's, and may be deleted.
func testSealedUnused(b *bundle) {
	ex := b.insert()
	row := store.WorkflowRow{WorkflowKey: rowKey(store.WorkflowTask, "", 0, 1), Doc: sealedDoc("old", 5000)}
	b.change(store.WorkflowChange{ID: ex.ID, Root: ex.Root, State: []byte(`1`), Put: []store.WorkflowRow{row}})
	row.Doc = sealedDoc("new", 5000)
	b.change(store.WorkflowChange{ID: ex.ID, Root: ex.Root, Base: 1, State: []byte(`1`), Put: []store.WorkflowRow{row}})
	b.event(func(ev *squall.Event) { ev.Payload = sealedDoc("event", 5000) })
	b.insert(func(ex *squall.Execution) { ex.Context = sealedDoc("context", 5000) })
	deleted := 0
	list, _ := b.sealed(10)
	b.equal("documents", len(list), 4)
	for _, d := range list {
		b.update(func(tx store.Tx) error {
			ok, err := tx.DeleteUnusedValue(b.Context(), d)
			if old := bytes.Contains(d.Doc, []byte("sealed:old")); err == nil && ok != old {
				b.Errorf("deleted %t: %.30s", ok, d.Doc)
			} else if err == nil && old {
				deleted++
			}
			if d.Unused != bytes.Contains(d.Doc, []byte("sealed:old")) {
				b.Errorf("unused %t: %.30s", d.Unused, d.Doc)
			}
			if used := bytes.Contains(d.Doc, []byte("sealed:new")); used != (len(d.Owner) == 1) {
				b.Errorf("%.30s has the owners %v", d.Doc, d.Owner)
			}
			return err
		})
	}
	left, _ := b.sealed(10)
	b.equal("documents after deleting one", []int{deleted, len(left)}, []int{1, 3})
}

// must drops the number of places.
func must(list []*store.SealedDocument, _ int) []*store.SealedDocument { return list }
