package api

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"squall/internal/auth"
)

// route is one entry of the route table.
type route struct {
	method string
	path   string          // "/api/v1/executions/{id}"; "{path...}" takes the rest
	need   auth.Permission // "" : being authenticated is enough
	on     target          // what need must be held on; nil: everything, so a grant on one resource is not enough
	handle handler
	open   func(*Server, *request) bool // lets a request in without credentials
	reads  bool                         // changes nothing, whatever the method
	events bool                         // answers with server-sent events
	direct string                       // one more path, that of StackStorm's service called directly
	body   *shape                       // what a body holds; nil: none, or it is the handler's business
}

// router finds routes by path. Literal segments win over parameters.
type router struct{ root *node }

type node struct {
	literal map[string]*node
	param   *node
	name    string // of the parameter that leads here
	rest    bool   // the parameter takes all that follows
	routes  []*route
}

// newRouter builds the tree. Every path of the services /api/v1, /auth/v1 and
// /stream/v1 also answers at /v1, as StackStorm's services do when they are
// called directly and not through its proxy. An ambiguous table is a mistake of
// ours and panics.
func newRouter(table []route) *router {
	rt := &router{root: &node{}}
	for i := range table {
		r := &table[i]
		rt.add(r.path, r)
		if _, resource, ok := strings.Cut(r.path, "/v1"); ok {
			rt.add("/v1"+resource, r)
		}
		if r.direct != "" {
			rt.add(r.direct, r)
		}
	}
	return rt
}

func (rt *router) add(path string, r *route) {
	n := rt.root
	for _, seg := range segments(path) {
		name, isParam := strings.CutPrefix(seg, "{")
		if !isParam {
			if n.literal == nil {
				n.literal = map[string]*node{}
			}
			if n.literal[seg] == nil {
				n.literal[seg] = &node{}
			}
			n = n.literal[seg]
			continue
		}
		name, rest := strings.CutSuffix(strings.TrimSuffix(name, "}"), "...")
		if n.param == nil {
			n.param = &node{name: name, rest: rest}
		}
		if n.param.name != name || n.param.rest != rest {
			panic(fmt.Sprintf("api: route %s: parameter {%s} is {%s} in another route", path, name, n.param.name))
		}
		n = n.param
	}
	for _, other := range n.routes {
		if other.method == r.method && other.events == r.events {
			panic(fmt.Sprintf("api: routes %s %s and %s answer the same", r.method, other.path, r.path))
		}
	}
	n.routes = append(n.routes, r)
}

// match finds the route of a request and the parameters in its path. A method
// that no route has is answered like a path that no route has (st2: 404). Where
// the literal segments lead to no route, parameters may.
func (rt *router) match(r *http.Request) (*route, map[string]string) {
	params := map[string]string{}
	segs := segments(r.URL.EscapedPath())
	for i, seg := range segs {
		var err error
		if segs[i], err = url.PathUnescape(seg); err != nil {
			return nil, nil
		}
	}
	return rt.root.match(r, segs, params), params
}

func (n *node) match(r *http.Request, segs []string, params map[string]string) *route {
	if len(segs) == 0 {
		return n.choose(r)
	}
	if next := n.literal[segs[0]]; next != nil {
		if found := next.match(r, segs[1:], params); found != nil {
			return found
		}
	}
	if n.param == nil {
		return nil
	}
	if n.param.rest {
		params[n.param.name] = strings.Join(segs, "/")
		return n.param.choose(r)
	}
	params[n.param.name] = segs[0]
	return n.param.match(r, segs[1:], params)
}

// choose picks the route for the method. Where a service's path is also another
// service's, the client's Accept header says which one is meant.
func (n *node) choose(r *http.Request) *route {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	wantsEvents := strings.Contains(r.Header.Get("Accept"), "text/event-stream")
	var found *route
	for _, c := range n.routes {
		if c.events && r.Method == http.MethodHead {
			continue // the head of a stream comes with the stream only
		}
		if c.method == method && (found == nil || c.events == wantsEvents) {
			found = c
		}
	}
	return found
}

// segments splits a path; slashes at its end do not count.
func segments(path string) []string {
	path = strings.Trim(path, "/")
	if path == "" {
		return nil
	}
	return strings.Split(path, "/")
}
