package api

import (
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"squall/internal/api/wire"
	"squall/internal/auth"
	"squall/internal/squall"
)

// page is which part of a list is asked for.
type page struct {
	limit  int // 0: all
	offset int
}

// page reads limit and offset. def is the limit when none is given, 0 for all.
// Bounds and texts are StackStorm's: administrators may ask for more than
// MaxPageSize, and for everything with -1.
func (s *Server) page(r *request, def int) (page, error) {
	p := page{limit: def}
	text := r.query.Get("limit")
	if r.query.Has("limit") {
		n, err := strconv.Atoi(text)
		switch {
		case err != nil:
			return p, squall.Errorf(squall.Invalid, `Parameter "limit" is not of type integer`)
		case n == 0:
			return p, squall.Errorf(squall.Invalid, `Limit, "0" specified, must be a positive number or -1 for full result set.`)
		case n < -1:
			return p, squall.Errorf(squall.Invalid, `Limit, "%d" specified, must be a positive number.`, n)
		case n == -1 && !r.caller.May(auth.ListAll):
			return p, squall.Errorf(squall.Denied, "Administrator access required to be able to specify limit=-1 and retrieve all the records")
		case n > s.MaxPageSize && !r.caller.May(auth.ListAll):
			return p, squall.Errorf(squall.Denied, `Limit "%d" specified, maximum value is "%d"`, n, s.MaxPageSize)
		}
		p.limit = max(n, 0)
	} else if !r.caller.May(auth.ListAll) && (p.limit == 0 || p.limit > s.MaxPageSize) {
		p.limit = s.MaxPageSize
	}
	if text := r.query.Get("offset"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		switch {
		case err != nil && !isInteger(text):
			return p, squall.Errorf(squall.Invalid, `Parameter "offset" is not of type integer`)
		case err != nil || n > math.MaxInt32:
			return p, squall.Errorf(squall.Invalid, `Offset "%s" specified is more than 32-bit int`, text)
		case n < 0:
			return p, squall.Errorf(squall.Invalid, `Offset "%s" specified must not be negative.`, text)
		}
		p.offset = int(n)
	}
	return p, nil
}

// isInteger reports whether text is a whole number of any size.
func isInteger(text string) bool {
	digits := strings.TrimLeft(text, "+-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}

// headers tells the client the size of the whole list and of the page.
func (p page) headers(h http.Header, total int) {
	if total >= 0 {
		h.Set("X-Total-Count", strconv.Itoa(total))
	}
	if p.limit > 0 {
		h.Set("X-Limit", strconv.Itoa(p.limit))
	}
}

// slice returns the page of a list that is in memory.
func slice[T any](p page, all []T) []T {
	all = all[min(p.offset, len(all)):]
	if p.limit > 0 {
		all = all[:min(p.limit, len(all))]
	}
	return all
}

// fields reads include_attributes and exclude_attributes. known says whether a
// member exists and has members of its own; excludable lists what may be left
// out, nil for everything known.
func fields(q url.Values, known func(string) (exists, parts bool), excludable []string) (wire.Fields, error) {
	include, exclude := list(q, "include_attributes"), list(q, "exclude_attributes")
	if len(include) > 0 && len(exclude) > 0 {
		return wire.Fields{}, squall.Errorf(squall.Invalid, "exclude_fields and include_fields arguments are mutually exclusive. You need to provide either one or another, but not both.")
	}
	for _, name := range include {
		top, sub, _ := strings.Cut(name, ".")
		exists, parts := known(top)
		switch {
		case !exists:
			return wire.Fields{}, squall.Errorf(squall.Invalid, "Invalid or unsupported include attribute specified: %s", name)
		case sub != "" && !parts:
			return wire.Fields{}, squall.Errorf(squall.Invalid, "Invalid or unsupported include attribute specified: Cannot resolve subfield or operator %s on the field %s", sub, top)
		}
	}
	for _, name := range exclude {
		if exists, _ := known(name); !exists || excludable != nil && !slices.Contains(excludable, name) {
			return wire.Fields{}, squall.Errorf(squall.Invalid, "Invalid or unsupported exclude attribute specified: %s", name)
		}
	}
	if len(include) > 0 {
		return wire.Include(include...), nil
	}
	return wire.Exclude(exclude...), nil
}

// list reads a parameter that holds several values: with commas, repeated, or both.
func list(q url.Values, name string) []string {
	var out []string
	for _, v := range q[name] {
		for item := range strings.SplitSeq(v, ",") {
			if item = strings.TrimSpace(item); item != "" {
				out = append(out, item)
			}
		}
	}
	return out
}

// flag reads a boolean as StackStorm's router does.
func flag(q url.Values, name string) (bool, error) {
	switch strings.ToLower(q.Get(name)) {
	case "", "false", "0", "no", "off":
		return false, nil
	case "true", "1", "yes", "on":
		return true, nil
	}
	return false, squall.Errorf(squall.Invalid, "Parameter %q is not of type boolean", name)
}

// instant reads a time; the zero time when it is not there.
func instant(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	// A "+" of a zone arrives as a blank when the client did not escape it.
	t, err := wire.ParseTime(text)
	if err != nil {
		t, err = wire.ParseTime(strings.Replace(text, " ", "+", 1))
	}
	if err != nil {
		return time.Time{}, &squall.Error{Kind: squall.Invalid, Msg: "Datetime value does not match expected format.", Err: fmt.Errorf("%s: %w", name, err)}
	}
	return t, nil
}
