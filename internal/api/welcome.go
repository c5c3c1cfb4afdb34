package api

import (
	"fmt"
	"html"
	"net/http"
	"strings"
)

// isVisit reports whether somebody has opened the server's address in a browser:
// StackStorm has its web pages there. Programs do not ask for pages, and who has
// credentials gets the answer of the API.
func isVisit(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && r.URL.Path == "/" && r.URL.RawQuery == "" &&
		strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("X-Auth-Token") == "" && r.Header.Get("St2-Api-Key") == ""
}

const welcomePage = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Squall</title>
<h1>Squall</h1>
<p>This is the API of a Squall server. There are no pages to click through here; people use it at a terminal:</p>
<pre>export SQUALL_URL=%s
squall login USER
squall execution list</pre>
<p>A link that ends in <code>#/history/ID/general</code> means the execution with that ID: <code>squall execution tree ID</code></p>
<ul>
<li><a href="/api/v1/openapi.yaml">What the API understands</a>
<li><a href="/readyz">Is the server ready?</a>
</ul>
</html>
`

// welcome tells a visitor where they are and how to go on.
func (s *Server) welcome(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.Header().Set("Vary", "Accept")
	_, _ = fmt.Fprintf(w, welcomePage, html.EscapeString(s.WebURL)) // a visitor who has gone needs no page
}
