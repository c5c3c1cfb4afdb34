package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"squall/internal/api/wire"
	"squall/internal/squall"
	"squall/internal/store"
)

// listing says how the objects of one kind are listed. T is the noun.
type listing[T any] struct {
	kind   store.ContentKind
	fields func(string) (exists, parts bool)
	limit  int  // when none is asked for; 0: all
	names  bool // the filter "name" takes several, with commas
	sorts  bool // "sort" counts; st2: by name, pack and id only
	// keep returns the filters of the kind beyond id, name and pack; nil: none.
	keep func(url.Values) (func(*T) bool, error)
	hide func(context.Context, store.Tx, *T) error // takes away what the caller may not see; nil: nothing
	show func(*T) any
}

// listContent lists the registered objects of a kind by reference. Filters: id,
// name, pack and those of the kind.
func listContent[T any](s *Server, w http.ResponseWriter, r *request, l listing[T]) error {
	p, err := s.page(r, l.limit)
	if err != nil {
		return err
	}
	f, err := fieldsOf(r.query, l.fields)
	if err != nil {
		return err
	}
	var keep func(*T) bool
	if l.keep != nil {
		if keep, err = l.keep(r.query); err != nil {
			return err
		}
	}
	found, total, err := l.find(s, r, p, keep)
	if err != nil {
		return err
	}
	p.headers(w.Header(), total)
	return respond(w, http.StatusOK, func(e *wire.Encoder) {
		e.Array(func() {
			for _, noun := range found {
				e.Document(l.show(noun), f)
			}
		})
	})
}

// find reads a page of the objects. Where only the store's own filters are asked
// for, it reads no more than that.
func (l listing[T]) find(s *Server, r *request, p page, keep func(*T) bool) (page []*T, total int, err error) {
	q := r.query
	filter := store.ContentFilter{Kind: l.kind, Pack: q.Get("pack")}
	names := []string{}
	ids, err := idsOf(q)
	if err != nil {
		return nil, 0, err
	}
	switch {
	case l.names:
		names = list(q, "name")
	default:
		filter.Name = q.Get("name")
	}
	order := l.order(q)
	simple := keep == nil && len(ids) == 0 && len(names) == 0 && order == nil
	if simple {
		filter.Offset, filter.Limit = p.offset, p.limit
	}
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		contents, err := tx.FindContent(r.Context(), filter)
		if err != nil {
			return err
		}
		if simple {
			if total, err = tx.CountContent(r.Context(), filter); err != nil {
				return err
			}
		}
		contents = slices.DeleteFunc(contents, func(c *store.Content) bool {
			return len(ids) > 0 && !slices.Contains(ids, c.ID()) || len(names) > 0 && !slices.Contains(names, c.Name)
		})
		if order != nil {
			slices.SortStableFunc(contents, order)
		}
		page = nil
		for _, c := range contents {
			noun, err := store.Decode[T](c)
			if err != nil {
				return err
			}
			if keep != nil && !keep(noun) {
				continue
			}
			if l.hide != nil {
				if err := l.hide(r.Context(), tx, noun); err != nil {
					return err
				}
			}
			page = append(page, noun)
		}
		return nil
	})
	if err != nil || simple {
		return page, total, err
	}
	return slice(p, page), len(page), nil
}

// order is how the list is to be sorted; nil: by reference.
func (l listing[T]) order(q url.Values) func(a, b *store.Content) int {
	if !l.sorts {
		return nil
	}
	return sorting(q, map[string]func(*store.Content) string{
		"name": func(c *store.Content) string { return c.Name },
		"pack": func(c *store.Content) string { return c.Pack },
		"id":   func(c *store.Content) string { return string(c.ID()) },
	})
}

// fieldsOf is fields for objects of packs: who asks for some members gets the
// reference as well (st2).
func fieldsOf(q url.Values, known func(string) (exists, parts bool)) (wire.Fields, error) {
	f, err := fields(q, known, nil)
	if include := list(q, "include_attributes"); err == nil && len(include) > 0 {
		return wire.Include(append(include, "ref")...), nil
	}
	return f, err
}

// boolFilter reads a filter that is true or false; nil: not given.
func boolFilter(q url.Values, name string) (*bool, error) {
	switch text := q.Get(name); text {
	case "":
		return nil, nil
	case "1", "true", "True":
		return new(true), nil
	case "0", "false", "False":
		return new(false), nil
	default:
		return nil, squall.Errorf(squall.Invalid, "Invalid bool representation %q provided.", text)
	}
}

// contentNamed reads an object by its reference, which has a dot, or its
// identifier, which has none (st2).
func contentNamed(ctx context.Context, tx store.Tx, kind store.ContentKind, name string) (c *store.Content, err error) {
	if strings.Contains(name, ".") {
		c, err = tx.Content(ctx, kind, name)
	} else {
		c, err = contentByID(ctx, tx, kind, name)
	}
	return c, notFoundAs(err, errNoResource(name))
}

// notFoundAs returns the error other in place of one of kind NotFound.
func notFoundAs(err, other error) error {
	if squall.KindOf(err) == squall.NotFound {
		return other
	}
	return err
}

// contentByID reads an object by its identifier. Error kind: NotFound, also for
// what is no identifier.
func contentByID(ctx context.Context, tx store.Tx, kind store.ContentKind, id string) (*store.Content, error) {
	if !squall.ID(id).Valid() {
		return nil, squall.Errorf(squall.NotFound, "%q is no identifier", id)
	}
	return tx.ContentByID(ctx, kind, squall.ID(id))
}

func errNoResource(name string) error {
	return squall.Errorf(squall.NotFound, "Resource with a reference or id %q not found", name)
}

// nounNamed is contentNamed for the noun, in a transaction of its own, in which
// hide takes away what the caller may not see.
func nounNamed[T any](s *Server, r *request, kind store.ContentKind, name string, hide ...func(context.Context, store.Tx, *T) error) (noun *T, err error) {
	err = s.Store.View(r.Context(), func(tx store.Tx) error {
		c, err := contentNamed(r.Context(), tx, kind, name)
		if err != nil {
			return err
		}
		if noun, err = store.Decode[T](c); err != nil {
			return err
		}
		for _, f := range hide {
			if err := f(r.Context(), tx, noun); err != nil {
				return err
			}
		}
		return nil
	})
	return noun, err
}

// contentInPath is the target of routes about one object of a kind; its pack
// contains it.
func contentInPath(kind store.ContentKind) target {
	return func(s *Server, r *request) (uids []string, err error) {
		err = s.Store.View(r.Context(), func(tx store.Tx) error {
			c, err := contentNamed(r.Context(), tx, kind, r.params["ref"])
			if err == nil {
				uids = contentUIDs(kind, squall.Ref{Pack: c.Pack, Name: c.Name})
			}
			return err
		})
		return uids, err
	}
}

func contentUIDs(kind store.ContentKind, ref squall.Ref) []string {
	return []string{string(kind) + ":" + ref.Pack + ":" + ref.Name, packUID(ref.Pack)}
}

// refOf puts a reference together, as StackStorm checks it.
func refOf(pack, name string) (squall.Ref, error) {
	if pack == "" || name == "" {
		return squall.Ref{}, squall.Errorf(squall.Invalid, "Both pack and name needed for building ref. pack=%s, name=%s", orNone(pack), orNone(name))
	}
	if strings.Contains(pack, ".") {
		return squall.Ref{}, squall.Errorf(squall.Invalid, `Pack name should not contain "."`)
	}
	return squall.Ref{Pack: pack, Name: name}, nil
}

func orNone(text string) string { return cmp.Or(text, "None") }

// systemPack is the pack whose objects cannot be changed through the API (st2).
const systemPack = "core"

func checkNotSystem(pack string) error {
	if pack == systemPack {
		return squall.Errorf(squall.Invalid, "Resources belonging to system level packs can't be manipulated")
	}
	return nil
}

// newContent stores a noun that must not be there yet. put does the writing;
// nil is store.Put.
func (s *Server) newContent(r *request, noun any, put func(store.Tx) error) error {
	c, err := store.ContentOf(noun)
	if err != nil {
		return err
	}
	return s.Store.Update(r.Context(), func(tx store.Tx) error {
		if err := refuseTaken(r.Context(), tx, c.Kind, c.Ref); err != nil {
			return err
		}
		if err := writeContent(r.Context(), tx, noun, put); err != nil {
			return err
		}
		return s.note(tx, r, contentUIDs(c.Kind, squall.Ref{Pack: c.Pack, Name: c.Name})[0])
	})
}

// changeContent replaces the object that is called name by a noun, which may
// bear another reference.
func (s *Server) changeContent(r *request, name string, noun any, put func(store.Tx) error) error {
	c, err := store.ContentOf(noun)
	if err != nil {
		return err
	}
	return s.Store.Update(r.Context(), func(tx store.Tx) error {
		old, err := contentNamed(r.Context(), tx, c.Kind, name)
		if err != nil {
			return err
		}
		if old.Ref != c.Ref {
			if err := refuseTaken(r.Context(), tx, c.Kind, c.Ref); err != nil {
				return err
			}
			if err := store.Remove(r.Context(), tx, old); err != nil {
				return err
			}
		}
		if err := writeContent(r.Context(), tx, noun, put); err != nil {
			return err
		}
		return s.note(tx, r, contentUIDs(c.Kind, squall.Ref{Pack: c.Pack, Name: c.Name})[0])
	})
}

func writeContent(ctx context.Context, tx store.Tx, noun any, put func(store.Tx) error) error {
	if put != nil {
		return put(tx)
	}
	return store.Put(ctx, tx, noun)
}

// refuseTaken refuses a reference that another object bears.
func refuseTaken(ctx context.Context, tx store.Tx, kind store.ContentKind, ref string) error {
	_, err := tx.Content(ctx, kind, ref)
	switch {
	case squall.KindOf(err) == squall.NotFound:
		return nil
	case err != nil:
		return err
	}
	return newConflict(string(kind), ref)
}

// dropContent answers a DELETE of the object in the path. check may refuse it,
// also is what goes with it; both may be nil.
func (s *Server) dropContent(w http.ResponseWriter, r *request, kind store.ContentKind, check func(*store.Content) error, also func(store.Tx, *store.Content) error) error {
	err := s.Store.Update(r.Context(), func(tx store.Tx) error {
		c, err := contentNamed(r.Context(), tx, kind, r.params["ref"])
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(c); err != nil {
				return err
			}
		}
		if err := store.Remove(r.Context(), tx, c); err != nil {
			return err
		}
		if also != nil {
			if err := also(tx, c); err != nil {
				return err
			}
		}
		return s.note(tx, r, contentUIDs(kind, squall.Ref{Pack: c.Pack, Name: c.Name})[0])
	})
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// notSystem is checkNotSystem for dropContent.
func notSystem(c *store.Content) error { return checkNotSystem(c.Pack) }
