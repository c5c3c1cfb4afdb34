package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
)

// Some recorded answers do not show what is right: the original fails where the
// request is one that it takes elsewhere, or where the client is at fault, which
// the corpus says itself ("500 answers to malformed input (ours: 400)", "texts that
// leak internals: status counts"). Such answers are corrected by rules, out of
// other pairs, and compared like all others. Reports count them apart.
const (
	correctedFault    = "a mistake of the client is one (400); the original fails with 500"
	correctedClone    = "an action that was made through the API can be cloned; the original fails with 500"
	correctedChange   = "what can be made can be changed; the original fails with 500"
	correctedInside   = "the text says what is missing, as it does elsewhere; the original's is about its inside"
	correctedAddition = "the runner takes more"
)

// additions are parameters that runners have beyond the original's.
var additions = map[string][]string{"remote-shell-cmd": {"detach", "total_timeout"}, "remote-shell-script": {"detach", "total_timeout"}}

// correct replaces the expectation of a pair that shows no model, and says why; all
// are the pairs in their order. "" is for the others.
func (p *pair) correct(all []*pair) string {
	body, _ := p.Response.Body.(map[string]any)
	if p.Response.Status == http.StatusInternalServerError {
		return p.correctFailure(all)
	}
	if body["faultstring"] == "Unhandled exception" {
		for _, other := range all {
			doc, _ := other.Response.Body.(map[string]any)
			if text, _ := doc["faultstring"].(string); other.Request.Path == p.Request.Path && other.Response.Status == p.Response.Status && other != p {
				body["faultstring"] = text
				return correctedInside
			}
		}
	}
	if p.Request.Method == http.MethodDelete && p.Response.Status == http.StatusNotFound && p.madeBefore(all) {
		p.Response.Status, p.Response.Body = http.StatusNoContent, nil
		return correctedClone
	}
	if names := additions[fmt.Sprint(body["name"])]; names != nil && body["runner_parameters"] != nil {
		params, _ := body["runner_parameters"].(map[string]any)
		for _, name := range names {
			params[name] = anything{}
		}
		return correctedAddition
	}
	return ""
}

// anything stands for a value of any kind.
type anything struct{}

// correctFailure corrects an answer of 500.
func (p *pair) correctFailure(all []*pair) string {
	var given map[string]any
	object := json.Unmarshal(p.Request.Body, &given) == nil && given != nil
	source, isClone := strings.CutSuffix(p.Request.Path, "/clone")
	switch {
	case p.Request.Method == http.MethodPost && isClone && object:
		p.correctClone(all, strings.TrimPrefix(source, "/v1/actions/"), fmt.Sprintf("%v.%v", given["dest_pack"], given["dest_action"]), given)
		return correctedClone
	case p.Request.Method == http.MethodPut && object:
		doc := recordedDoc(all, p, p.Request.Path, given)
		if doc == nil {
			return ""
		}
		maps.Copy(doc, given)
		if given["parameters"] != nil {
			doc["uid"] = anything{} // there is a digest of them in it
		}
		p.Response.Status, p.Response.Body = http.StatusOK, doc
		return correctedChange
	case p.Request.Method == http.MethodPost && (!object || given["name"] == nil):
		p.Response.Status, p.Response.Body = http.StatusBadRequest, map[string]any{"faultstring": anything{}}
		return correctedFault
	}
	return ""
}

// correctClone makes the answer the document of the source under its new name or,
// the second time, the recorded refusal.
func (p *pair) correctClone(all []*pair, source, ref string, given map[string]any) {
	for _, other := range all {
		if other == p {
			break
		}
		if other.Request.Path == p.Request.Path && string(other.Request.Body) == string(p.Request.Body) {
			p.Response.Status = http.StatusBadRequest
			p.Response.Body = map[string]any{"faultstring": "The requested destination action already exists"} // as recorded of another one
			return
		}
	}
	doc := recordedDoc(all, p, "/v1/actions/"+source, nil)
	doc["uid"], doc["ref"] = fmt.Sprintf("action:%v:%v", given["dest_pack"], given["dest_action"]), ref
	doc["name"], doc["pack"] = given["dest_action"], given["dest_pack"]
	doc["metadata_file"] = fmt.Sprintf("actions/%v.yaml", given["dest_action"])
	p.Response.Status, p.Response.Body = http.StatusCreated, doc
}

// recordedDoc is a copy of the newest document that was recorded before p of what
// the path, or an object that was made like that, names.
func recordedDoc(all []*pair, p *pair, path string, like map[string]any) (found map[string]any) {
	for _, other := range all {
		if other == p {
			break
		}
		doc, _ := other.Response.Body.(map[string]any)
		named := strings.HasSuffix(path, "/"+fmt.Sprint(doc["id"])) || strings.HasSuffix(path, "/"+fmt.Sprint(doc["ref"]))
		if doc["uid"] != nil && doc["name"] != nil && named && cmp.Or(like == nil, doc["name"] == like["name"]) {
			found = maps.Clone(doc)
		}
	}
	return found
}

// madeBefore reports whether what p names was made by a corrected pair and not
// removed since.
func (p *pair) madeBefore(all []*pair) bool {
	made := false
	for _, other := range all {
		if other == p {
			return made
		}
		doc, _ := other.Response.Body.(map[string]any)
		switch {
		case other.corrected == correctedClone && other.Response.Status == http.StatusCreated && strings.HasSuffix(p.Request.Path, "/"+fmt.Sprint(doc["ref"])):
			made = true
		case other.Request.Method == http.MethodDelete && other.Request.Path == p.Request.Path && other.Response.Status == http.StatusNoContent:
			made = false
		}
	}
	return made
}
