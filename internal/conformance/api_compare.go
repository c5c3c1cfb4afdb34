package conformance

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// objects lists all objects in a document.
func objects(v any) (list []map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		list = append(list, v)
		for _, k := range slices.Sorted(maps.Keys(v)) {
			list = append(list, objects(v[k])...)
		}
	case []any:
		for _, m := range v {
			list = append(list, objects(m)...)
		}
	}
	return list
}

// kindOfDoc names the kind of a document.
func kindOfDoc(doc map[string]any) string {
	uid, _ := doc["uid"].(string)
	kind, _, _ := strings.Cut(uid, ":")
	switch {
	case doc["liveaction"] != nil:
		return "execution"
	case doc["runner_package"] != nil:
		return "runner"
	case doc["permission_grant_objects"] != nil:
		return "role"
	case doc["trigger_instance_id"] != nil:
		return "enforcement"
	case doc["occurrence_time"] != nil:
		return "trigger_instance"
	}
	return kind
}

// shapes is what all recorded documents of a kind look like.
type shapes map[string]*docShape

type docShape struct {
	types map[string]string // member → type
	count map[string]int    // member → in how many documents; "" for all
}

func (s shapes) learn(body any) {
	for _, doc := range objects(body) {
		kind := kindOfDoc(doc)
		if s[kind] == nil {
			s[kind] = &docShape{map[string]string{}, map[string]int{}}
		}
		s[kind].count[""]++
		for k, v := range doc {
			s[kind].types[k] = typeOf(v)
			s[kind].count[k]++
		}
	}
}

func typeOf(v any) string {
	if v == nil {
		return "null"
	}
	return reflect.TypeOf(v).Kind().String()
}

func (r *replay) compareBody(p *pair, body string) []string {
	media := p.Response.Headers["Content-Type"]
	if text, ok := p.Response.Body.(string); ok && !strings.HasPrefix(media, "application/json") {
		if strings.HasPrefix(media, "image/") {
			return nil // its bytes were not recorded
		}
		want, got := strings.Split(text, "\n"), strings.Split(body, "\n")
		slices.Sort(want) // two streams of one process: their order is chance
		slices.Sort(got)
		if !slices.Equal(want, got) {
			return []string{fmt.Sprintf("body %q, recorded %q", body, text)}
		}
		return nil
	}
	var got any
	if body != "" {
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			return []string{"no JSON: " + body}
		}
	}
	if p.Response.Status == 409 { // the recorded texts are those of a stand-in for the database
		for _, v := range []any{p.Response.Body, got} {
			if doc, ok := v.(map[string]any); ok {
				doc["faultstring"] = "there is one already"
			}
		}
	}
	if want, ok := p.Response.Body.([]any); ok {
		if got, ok := got.([]any); ok {
			return r.compareList(p, want, got)
		}
	}
	if strings.HasSuffix(strings.Split(p.Request.Path, "?")[0], "/views/filters") { // which values there are depends on what was run
		return r.compare("", emptied(p.Response.Body), emptied(got))
	}
	if strings.HasSuffix(p.Request.Path, "/packs/register") { // how many kinds there are is the installation's
		for _, v := range []any{p.Response.Body, got} {
			if doc, ok := v.(map[string]any); ok && doc["runners"] != nil {
				doc["runners"] = "some"
			}
		}
	}
	return r.compare("", p.Response.Body, got)
}

// emptied is an object with its lists emptied.
func emptied(v any) any {
	doc, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := map[string]any{}
	for k, member := range doc {
		if _, ok := member.([]any); ok {
			member = []any{}
		}
		out[k] = member
	}
	return out
}

// installed are members whose values depend on the installation; their types
// count. Descriptions are our own.
var installed = map[string]bool{
	"pid": true, "hostname": true, "token": true, "expiry": true, "token_expire": true, "elapsed_seconds": true, "key": true, "key_hash": true,
	"result_size": true, "version": true, "web_url": true, "path": true, "files": true, "timestamp": true, "start_timestamp": true,
	"end_timestamp": true, "description": true, "artifact_uri": true, "execution_id": true, "headers": true, "headers_lower": true,
}

// compare lists the differences of two values.
func (r *replay) compare(at string, want, got any) []string {
	if want == (anything{}) {
		return nil
	}
	if typeOf(want) != typeOf(got) {
		return []string{fmt.Sprintf("%s is %s, recorded %s", at, brief(got), brief(want))}
	}
	switch want := want.(type) {
	case map[string]any:
		return r.compareObjects(at, want, got.(map[string]any))
	case []any:
		return r.compareElements(at, want, got.([]any))
	case string:
		if r.sameText(at, want, got.(string)) {
			return nil
		}
	}
	if !reflect.DeepEqual(want, got) {
		return []string{fmt.Sprintf("%s is %s, recorded %s", at, brief(got), brief(want))}
	}
	return nil
}

// sameText reports whether texts agree but for identifiers, ciphertexts, times
// and places, and notes what stands for what.
func (r *replay) sameText(at, want, got string) bool {
	if strings.HasPrefix(want, "api_key:") && strings.HasPrefix(got, "api_key:") && len(want) == len(got) {
		return true
	}
	if hexID.MatchString(want) && hexID.ReplaceAllString(want, "") == hexID.ReplaceAllString(got, "") {
		for i, id := range hexID.FindAllString(want, -1) {
			r.ids[id] = cmp.Or(r.ids[id], hexID.FindAllString(got, -1)[i])
		}
		return true
	}
	if sealedHex.MatchString(want) && sealedHex.MatchString(got) { // it may be sent back
		r.ids[want] = got
		return true
	}
	if traceUID.MatchString(want) && traceUID.MatchString(got) { // a digest of identifiers
		return true
	}
	if stamp.MatchString(want) && stamp.MatchString(got) {
		return true
	}
	if triggerName.MatchString(want) && triggerName.ReplaceAllString(want, "") == triggerName.ReplaceAllString(got, "") {
		return true // a trigger made for a rule has a name that says nothing
	}
	return r.place(want) == r.place(got)
}

// place writes the directories of the packs alike, and the places of their
// configurations.
func (r *replay) place(text string) string {
	text = configFile.ReplaceAllString(text, "/api/v1/configs/$1")
	for _, dir := range []string{r.data + "/packs", r.data + "/builtin", "/opt/stackstorm/packs"} {
		text = strings.ReplaceAll(text, dir, "PACKS")
	}
	return strings.ReplaceAll(text, strings.TrimPrefix(r.url, "http://"), recordedAPI)
}

// brief shows a value.
func brief(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(b) > 300 {
		b = append(b[:300], "..."...)
	}
	return string(b)
}

func (r *replay) compareObjects(at string, want, got map[string]any) (diffs []string) {
	for _, k := range slices.Sorted(maps.Keys(want)) {
		v, there := got[k]
		switch {
		case !there:
			diffs = append(diffs, at+"."+k+" is missing, recorded "+brief(want[k]))
		case installed[k]:
			if key, ok := want[k].(string); ok && k == "key" {
				r.apiKeys[key], _ = v.(string)
			}
			if typeOf(v) != typeOf(want[k]) {
				diffs = append(diffs, fmt.Sprintf("%s.%s is %s, recorded %s", at, k, brief(v), brief(want[k])))
			}
		case k == "children" && want["status"] == got["status"] && beingPaused(want["status"]) && ofOtherLength(v, want[k]):
			// How far it had come then is a matter of speed.
		default:
			diffs = append(diffs, r.compare(at+"."+k, want[k], v)...)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(got)) {
		if _, there := want[k]; !there {
			diffs = append(diffs, at+"."+k+" is too much: "+brief(got[k]))
		}
	}
	return diffs
}

// beingPaused reports whether a workflow in that state had been asked to pause.
func beingPaused(status any) bool {
	return status == "pausing" || status == "paused" || status == "resuming"
}

func ofOtherLength(a, b any) bool {
	x, xOK := a.([]any)
	y, yOK := b.([]any)
	return xOK && yOK && len(x) != len(y)
}

// compareElements compares element by element.
func (r *replay) compareElements(at string, want, got []any) (diffs []string) {
	if len(want) != len(got) {
		return []string{fmt.Sprintf("%s has %d elements, recorded %d", at, len(got), len(want))}
	}
	for i := range want {
		diffs = append(diffs, r.compare(fmt.Sprintf("%s[%d]", at, i), want[i], got[i])...)
	}
	return diffs
}

// compareList compares lists that are whole answers. Which objects are in them
// and in which order depends on the installation; what an object looks like does
// not, and what is in both must be equal.
func (r *replay) compareList(p *pair, want, got []any) (diffs []string) {
	if len(want) == 0 || len(got) == 0 || typeOf(want[0]) != "map" {
		if len(want) != len(got) {
			return []string{fmt.Sprintf("%d elements, recorded %d", len(got), len(want))}
		}
		return r.compareElements("", want, got)
	}
	kind := kindOfDoc(want[0].(map[string]any))
	if kind == "" {
		return r.compareBare(want, got)
	}
	for i, g := range got {
		doc, ok := g.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("[%d] is %s", i, brief(g))}
		}
		same := sameIn(want, doc)
		if same == nil && i < len(want) && made[kind] && sameIn(got, want[i].(map[string]any)) == nil {
			r.note(want[i], doc) // they come into being in the same order
		}
		if same != nil {
			if id, ok := same["id"].(string); ok {
				r.ids[id] = cmp.Or(r.ids[id], fmt.Sprint(doc["id"]))
			}
			if kind != "pack" && kind != "api_key" && !builtinPacks[fmt.Sprint(doc["pack"])] {
				diffs = append(diffs, r.compare(fmt.Sprintf("[%d]", i), same, doc)...)
				continue
			}
		}
		diffs = append(diffs, r.compareShape(fmt.Sprintf("[%d]", i), kind, p, doc)...)
	}
	return diffs
}

// made are kinds of documents that nobody names: what stands for what follows
// from their order.
var made = map[string]bool{"enforcement": true, "trigger_instance": true, "trace": true, "trigger": true}

// note keeps that a document stands for a recorded one.
func (r *replay) note(want any, got map[string]any) {
	doc, _ := want.(map[string]any)
	id, _ := doc["id"].(string)
	if ours, ok := got["id"].(string); ok && id != "" {
		r.ids[id] = cmp.Or(r.ids[id], ours)
	}
}

// sameIn finds the document of the same object.
func sameIn(list []any, doc map[string]any) map[string]any {
	for _, v := range list {
		if other, ok := v.(map[string]any); ok && doc["uid"] != nil && doc["uid"] == other["uid"] && !strings.Contains(fmt.Sprint(doc["uid"]), "****") {
			return other
		}
	}
	return nil
}

// compareBare compares lists of documents that are parts only: their members
// must be among those of the recorded ones.
func (r *replay) compareBare(want, got []any) (diffs []string) {
	allowed := map[string]string{}
	for _, v := range want {
		if doc, ok := v.(map[string]any); ok {
			for k, member := range doc {
				allowed[k] = typeOf(member)
			}
		}
	}
	for i, g := range got {
		doc, _ := g.(map[string]any)
		for _, k := range slices.Sorted(maps.Keys(doc)) {
			if t, ok := allowed[k]; !ok || t != typeOf(doc[k]) {
				diffs = append(diffs, fmt.Sprintf("[%d].%s is %s, in no recorded element", i, k, brief(doc[k])))
			}
		}
	}
	return diffs
}

// compareShape holds a document against all recorded ones of its kind.
func (r *replay) compareShape(at, kind string, p *pair, doc map[string]any) (diffs []string) {
	shape := r.shapes[kind]
	_, selected, _ := strings.Cut(p.Request.Path, "include_attributes=")
	selected, _, _ = strings.Cut(selected, "&")
	allowed := append(strings.Split(selected, ","), "id")
	if list, ok := p.Response.Body.([]any); ok { // not every list heeds what is asked for
		for _, v := range list {
			if recorded, ok := v.(map[string]any); ok {
				allowed = slices.AppendSeq(allowed, maps.Keys(recorded))
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(shape.count)) {
		if _, there := doc[k]; !there && k != "" && shape.count[k] == shape.count[""] && !strings.Contains(p.Request.Path, "_attributes=") {
			diffs = append(diffs, fmt.Sprintf("%s.%s is missing; all recorded ones have it", at, k))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(doc)) {
		recorded, known := shape.types[k]
		switch {
		case selected != "" && !slices.Contains(allowed, k):
			diffs = append(diffs, fmt.Sprintf("%s.%s was not asked for", at, k))
		case selected == "" && (!known || recorded != typeOf(doc[k])):
			diffs = append(diffs, fmt.Sprintf("%s.%s is %s, recorded elsewhere as %q", at, k, brief(doc[k]), recorded))
		}
	}
	return diffs
}
