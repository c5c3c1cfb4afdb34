package st2cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"squall/internal/argparse"
	"squall/internal/client"
	"squall/internal/expr/value"
	"squall/internal/squall"
)

// resource is a kind of thing the API has.
type resource struct {
	path    string   // "/api/v1/rules"
	one     string   // "Rule", as messages have it
	many    string   // "rules"
	id      string   // what its verbs call their argument: "ref_or_id", "name_or_id", "id"
	order   []string // members that are shown first
	columns []string // of lists
	plain   []string // of lists in the plain style, when other ones
	attr    []string // members that get shows; nil: all
	heads   bool     // the API gives whole members only: "trigger" for "trigger.ref"
	show    map[string]func(*call, any) any

	// doubts says what of a new one will not work as it is; for the plain style.
	doubts func(*call, document) []string
}

func (r *resource) lower() string { return strings.ToLower(r.one) }

// a is its name with an article.
func (r *resource) a() string {
	if strings.ContainsRune("aeiou", rune(r.lower()[0])) {
		return "an " + r.lower()
	}
	return "a " + r.lower()
}

// shown binds the functions that show members to a call.
func (r *resource) shown(c *call) map[string]func(any) any {
	out := map[string]func(any) any{}
	for name, f := range r.show {
		out[name] = func(v any) any { return f(c, v) }
	}
	return out
}

// listColumns are the columns of lists.
func (r *resource) listColumns(c *call) []string {
	if c.style == Plain && r.plain != nil {
		return c.attributes(r.plain)
	}
	return c.attributes(r.columns)
}

// fetch reads a document; nil when it does not exist. st2 takes every error but
// a missing permission for that; here others are told.
func (c *call) fetch(path string, query url.Values) (document, error) {
	a, err := c.api.Do(c, http.MethodGet, path, query, nil)
	if squall.KindOf(err) == squall.NotFound && statusOf(err) == http.StatusNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v, err := decode(a)
	d, _ := v.(document)
	return d, err
}

func statusOf(err error) int {
	if s, ok := errors.AsType[*client.StatusError](err); ok {
		return s.Status
	}
	return 0
}

func at(path, id string) string { return path + "/" + url.PathEscape(id) }

// send calls with a body and decodes the answer.
func (c *call) send(method, path string, body any) (any, error) {
	if body != nil {
		raw, err := value.ToJSON(body)
		if err != nil {
			return nil, invalid("the document cannot be sent: %w", err)
		}
		if !json.Valid(raw) {
			return nil, invalid("the document cannot be sent: NaN and infinite numbers are no JSON")
		}
		body = json.RawMessage(raw)
	}
	a, err := c.api.Do(c, method, path, nil, body)
	if err != nil {
		return nil, err
	}
	return decode(a)
}

func (c *call) sendDocument(method, path string, body any) (document, error) {
	v, err := c.send(method, path, body)
	d, _ := v.(document)
	return d, err
}

// page is how many documents are asked for at once; every user may have so many.
const page = 100

// collect reads a list, page by page, at most limit documents (none below 1).
// total is how many there are.
func (c *call) collect(path string, query url.Values, limit int) (docs []document, total int, err error) {
	for {
		size := page
		if limit > 0 {
			size = min(size, limit-len(docs))
		}
		q := url.Values{}
		for k, v := range query {
			q[k] = v
		}
		q.Set("limit", strconv.Itoa(size))
		if len(docs) > 0 {
			q.Set("offset", strconv.Itoa(len(docs)))
		}
		a, err := c.api.Do(c, http.MethodGet, path, q, nil)
		if err != nil {
			return nil, 0, err
		}
		v, err := decode(a)
		if err != nil {
			return nil, 0, err
		}
		got := list(v)
		docs = append(docs, got...)
		total, err = strconv.Atoi(a.Header.Get("X-Total-Count"))
		if err != nil {
			total = len(docs)
		}
		if len(got) < size || len(docs) >= total || limit > 0 && len(docs) >= limit {
			return docs, total, nil
		}
	}
}

// get finds the document that the user named, by reference, name or id.
func (r *resource) get(c *call, id string) (document, error) {
	if r.id == "name_or_id" {
		found, _, err := c.collect(r.path, url.Values{"name": {id}}, 2)
		switch {
		case err != nil:
			return nil, err
		case len(found) == 1 && text(found[0], "name") == id:
			return found[0], nil
		}
	}
	d, err := c.fetch(at(r.path, id), nil)
	if err != nil || d != nil {
		return d, err
	}
	kind := map[string]string{"ref_or_id": "id or reference", "name_or_id": "id or name"}[r.id]
	return nil, notFound("Resource with %s \"%s\" doesn't exist.", first(kind, "id"), id)
}

// key is how a document is addressed in changes.
func key(d document, given string) string { return first(text(d, "id"), given) }

// idArg is the argument that names one.
func (r *resource) idArg(n argparse.Nargs) argparse.Arg {
	help := map[string]string{"ref_or_id": "reference or id of the " + r.lower(), "name_or_id": "name or id of the " + r.lower()}[r.id]
	return argparse.Arg{Name: r.id, Metavar: strings.ReplaceAll(r.id, "_", "-"), Nargs: n, Help: first(help, r.id+" of the "+r.lower())}
}

// listing is a list command.
type listing struct {
	last   int               // default of -n, 0 for lists without it
	oldest bool              // the API gives the newest first, it is shown last
	turned bool              // programs are given the list from its end
	bare   bool              // -a is not told to the API
	query  map[string]string // argument → parameter of the API
	args   []argparse.Arg
	before []argparse.Arg // in front of -a
	// empty is said of an empty list; "" draws an empty table.
	empty string
	named string // what the note calls them, when not resource.many
}

const noItems = "No matching items found"

// list makes the command that lists.
func (r *resource) list(l listing) *argparse.Command {
	cmd := &argparse.Command{Name: "list", Help: "List the " + r.many + "."}
	own := l.before
	lastArg := argparse.Arg{Flags: []string{"-n", "--last"}, Name: "last", Type: argparse.Int, Default: int64(l.last),
		Help: fmt.Sprintf("how many, the newest (default %d); -1: all", l.last)}
	switch {
	case l.last > 0 && l.before != nil:
		own = append(append([]argparse.Arg{lastArg}, own...), attrArg, widthArg)
		own = append(own, l.args...)
	case l.last > 0:
		own = append([]argparse.Arg{attrArg, widthArg, lastArg}, l.args...)
	default:
		own = append(append(append([]argparse.Arg{}, l.before...), attrArg, widthArg), l.args...)
	}
	cmd.Args = args(own...)
	cmd.Run = command(func(c *call) error {
		docs, total, err := r.query(c, l)
		if err != nil {
			return err
		}
		return r.showList(c, l, docs, total)
	})
	return cmd
}

// query fetches what a list command asks for.
func (r *resource) query(c *call, l listing) ([]document, int, error) {
	q := url.Values{}
	for arg, param := range l.query {
		switch v := c.v[arg].(type) {
		case string:
			q.Set(param, v)
		case bool:
			if v {
				q.Set(param, "true")
			}
		}
	}
	if sort, ok := c.v["sort_order"].(string); ok {
		switch sort {
		case "asc", "ascending":
			q.Set("sort_asc", "True")
		case "desc", "descending":
			q.Set("sort_desc", "True")
		}
	}
	columns := r.listColumns(c)
	if !l.bare && !slices.Contains(columns, "all") {
		q.Set("include_attributes", strings.Join(r.included(columns), ","))
	}
	last := int(c.v.Int("last"))
	if l.last > 0 && c.style == Boxed && (last == 0 || last < -1) { // the server says what is wrong with it
		q.Set("limit", strconv.Itoa(last))
		_, err := c.api.Do(c, http.MethodGet, r.path, q, nil)
		if err != nil {
			return nil, 0, err
		}
	}
	return c.collect(r.path, q, last)
}

// included are the members that the API is asked for.
func (r *resource) included(columns []string) []string {
	if !r.heads {
		return columns
	}
	var out []string
	for _, name := range columns {
		if head, _, _ := strings.Cut(name, "."); !slices.Contains(out, head) {
			out = append(out, head)
		}
	}
	return out
}

// showList prints a list, with a note when there is more.
func (r *resource) showList(c *call, l listing, docs []document, total int) error {
	turned := c.style == Boxed && (l.oldest || l.turned && c.machine())
	if turned {
		docs = slices.Clone(docs)
		slices.Reverse(docs)
	}
	if len(docs) == 0 && (l.empty != "" && c.style == Boxed && !turned || c.style == Plain && !c.machine()) {
		c.print(noItems)
		return nil
	}
	if err := c.table(docs, r.listColumns(c), r.shown(c)); err != nil {
		return err
	}
	if last := int(c.v.Int("last")); last > 0 && total > last && !c.machine() {
		c.note(first(l.named, r.many), last)
	}
	return nil
}

// note says that a list goes on.
func (c *call) note(many string, shown int) {
	text := fmt.Sprintf("Note: Only first %d %s are displayed. Use -n/--last flag for more results.", shown, many)
	if shown == 1 {
		one := strings.TrimSuffix(many, "s")
		if many == "inquiries" {
			one = "inquiry"
		}
		text = fmt.Sprintf("Note: Only one %s is displayed. Use -n/--last flag for more results.", one)
	}
	if c.style == Plain {
		fmt.Fprintln(c.Stderr, text)
		return
	}
	wide := max(len(text), c.tableWidth-4)
	line := "+" + strings.Repeat("-", wide+2) + "+"
	fmt.Fprintf(c.Stderr, "%s\n| %-*s |\n%s\n", line, wide, text, line)
}
