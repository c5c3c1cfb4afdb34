package storetest

import (
	"encoding/json"
	"fmt"

	"squall/internal/squall"
	"squall/internal/store"
)

func (b *bundle) put(nouns ...any) {
	b.Helper()
	b.update(func(tx store.Tx) error {
		for _, noun := range nouns {
			if err := store.Put(b.Context(), tx, noun); err != nil {
				return err
			}
		}
		return nil
	})
}

func testContent(b *bundle) {
	ref := squall.Ref{Pack: "linux", Name: "file_watch.line"}
	kinds := []any{
		&squall.TriggerType{Ref: ref, Description: "☂", PayloadSchema: json.RawMessage(`{"z":1,"a":2}`), Tags: []squall.Tag{{Name: "n", Value: "v"}}},
		squall.TriggerFor(ref, json.RawMessage(`{"file_path":"/x"}`)),
		&squall.Sensor{Ref: ref, ClassName: "file_watch.line", PollInterval: 4.5, TriggerTypes: []squall.Ref{ref}},
		&squall.Alias{Ref: ref, Action: "core.local", Formats: []squall.AliasFormat{{Display: "do", Representation: []string{"do"}, Plain: true}}},
		&squall.Policy{Ref: ref, Resource: "core.local", Type: "action.retry"},
		&squall.Rule{Ref: ref, Type: squall.RuleStandard, Trigger: squall.RuleTrigger{Type: ref}, Action: squall.RuleAction{Ref: "core.local"}},
		&squall.ConfigSchema{Pack: "linux", Attributes: squall.Schema{{Name: "token", Secret: true}}},
		&squall.PackConfig{Pack: "linux", Values: json.RawMessage(`{"token":"` + fmt.Sprintf("%08000d", 1) + `"}`)},
	}
	b.put(kinds...)
	b.put(kinds...) // again: the same
	want := make([]*store.Content, len(kinds))
	for i, noun := range kinds {
		c, err := store.ContentOf(noun)
		if err != nil {
			b.Fatal(err)
		}
		want[i] = c
	}
	b.view(func(tx store.Tx) error {
		for _, c := range want {
			got, err := tx.Content(b.Context(), c.Kind, c.Ref)
			if err != nil {
				return err
			}
			b.equal(string(c.Kind), got, c)
			got, err = tx.ContentByID(b.Context(), c.Kind, c.ID())
			if err != nil {
				return err
			}
			b.equal(string(c.Kind)+" by identifier", got, c)
			_, err = tx.Content(b.Context(), c.Kind, "linux.other")
			b.wantKind("unknown reference", err, squall.NotFound)
			_, err = tx.ContentByID(b.Context(), c.Kind, "000000000000000000000000")
			b.wantKind("unknown identifier", err, squall.NotFound)
			_, err = tx.ContentByID(b.Context(), c.Kind, "no identifier")
			b.wantKind("no identifier", err, squall.NotFound)
		}
		rules, err := store.Find[squall.Rule](b.Context(), tx, store.ContentFilter{Kind: store.Rules})
		b.equal("rules", rules, []*squall.Rule{kinds[5].(*squall.Rule)})
		return err
	})

	changed := *kinds[5].(*squall.Rule)
	changed.Enabled, changed.Trigger.Type.Name = true, "other"
	b.put(&changed)
	b.view(func(tx store.Tx) error {
		n, err := tx.CountContent(b.Context(), store.ContentFilter{Kind: store.Rules, Link: ref.String()})
		b.equal("rules of the old trigger type", n, 0)
		if err != nil {
			return err
		}
		c, err := tx.Content(b.Context(), store.Rules, ref.String())
		if err != nil {
			return err
		}
		got, err := store.Decode[squall.Rule](c)
		b.equal("changed rule", got, &changed)
		return err
	})

	source := func(want string) {
		b.Helper()
		b.view(func(tx store.Tx) error {
			c, err := tx.Content(b.Context(), store.Rules, ref.String())
			if err == nil {
				b.equal("source", c.Source, want)
			}
			return err
		})
	}
	source("")
	registered := *want[5]
	registered.Source = registered.Digest()
	b.update(func(tx store.Tx) error { return tx.PutContent(b.Context(), &registered) })
	source(registered.Digest())
	b.put(&changed) // by somebody who knows no file
	source(registered.Digest())

	b.update(func(tx store.Tx) error { return tx.DeleteContent(b.Context(), store.Rules, ref.String()) })
	b.update(func(tx store.Tx) error { return tx.DeleteContent(b.Context(), store.Rules, ref.String()) }) // again: nothing to do
	b.view(func(tx store.Tx) error {
		_, err := tx.Content(b.Context(), store.Rules, ref.String())
		b.wantKind("deleted rule", err, squall.NotFound)
		_, err = tx.Content(b.Context(), store.Aliases, ref.String())
		return err
	})

	b.put(&squall.Policy{Ref: squall.Ref{Pack: "linux2", Name: "p"}, Resource: "core.local"})
	b.update(func(tx store.Tx) error { return tx.DeletePack(b.Context(), "linux") })
	b.view(func(tx store.Tx) error {
		for _, c := range want {
			_, err := tx.Content(b.Context(), c.Kind, c.Ref)
			if c.Kind == store.Configs {
				b.equal("configuration of a deleted pack", err, error(nil))
			} else {
				b.wantKind(string(c.Kind)+" of a deleted pack", err, squall.NotFound)
			}
		}
		_, err := tx.Content(b.Context(), store.Policies, "linux2.p")
		return err
	})
	err := b.s.Update(b.Context(), func(tx store.Tx) error {
		return tx.PutContent(b.Context(), &store.Content{Kind: store.Rules, Ref: "a\x00b"})
	})
	b.wantKind("reference that is no text", err, squall.Invalid)
}

func testFindContent(b *bundle) {
	var rules []any
	for _, pack := range []string{"b", "a", "c"} {
		for i := range 4 {
			typ := squall.Ref{Pack: "core", Name: fmt.Sprintf("t%d", i%2)}
			rules = append(rules, &squall.Rule{Ref: squall.Ref{Pack: pack, Name: fmt.Sprintf("r%d", i)}, Trigger: squall.RuleTrigger{Type: typ}})
		}
	}
	b.put(rules...)
	b.put(&squall.Policy{Ref: squall.Ref{Pack: "a", Name: "r0"}, Resource: "core.t0"})
	find := func(f store.ContentFilter, want ...string) {
		b.Helper()
		f.Kind = store.Rules
		b.view(func(tx store.Tx) error {
			list, err := tx.FindContent(b.Context(), f)
			if err != nil {
				return err
			}
			var got []string
			for _, c := range list {
				got = append(got, c.Ref)
			}
			b.equal(fmt.Sprintf("%+v", f), got, want)
			if f.Limit > 0 || f.Offset > 0 || f.After != "" {
				return nil
			}
			n, err := tx.CountContent(b.Context(), f)
			b.equal(fmt.Sprintf("count of %+v", f), n, len(want))
			return err
		})
	}
	find(store.ContentFilter{}, "a.r0", "a.r1", "a.r2", "a.r3", "b.r0", "b.r1", "b.r2", "b.r3", "c.r0", "c.r1", "c.r2", "c.r3")
	find(store.ContentFilter{Pack: "b"}, "b.r0", "b.r1", "b.r2", "b.r3")
	find(store.ContentFilter{Name: "r2"}, "a.r2", "b.r2", "c.r2")
	find(store.ContentFilter{Link: "core.t1", Pack: "c"}, "c.r1", "c.r3")
	find(store.ContentFilter{Limit: 2, Offset: 3}, "a.r3", "b.r0")
	find(store.ContentFilter{After: "b.r3", Limit: 2}, "c.r0", "c.r1")
	find(store.ContentFilter{Pack: "nobody"})
}
