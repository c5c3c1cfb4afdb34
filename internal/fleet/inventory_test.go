package fleet

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"squall/internal/squall"
)

const ini = `
# the web servers
lonely ansible_host=10.9.9.9
[web]
web[01:02].example rack=7 note="two words" # a comment
[db]
db1 ansible_port=2222 ansible_password=secret
[site:children]
web
db
[site:vars]
zone = north
[web:vars]
rack=1
tier=front
`

func TestInventories(t *testing.T) {
	node := func(name, address string, port int, tags []string, attrs map[string]string) *squall.FleetNode {
		return &squall.FleetNode{Name: name, Address: address, Port: port, Tags: tags, Attrs: attrs}
	}
	web := map[string]string{"rack": "7", "note": "two words", "zone": "north", "tier": "front"}
	want := []*squall.FleetNode{
		node("db1", "", 2222, []string{"db", "site"}, map[string]string{"zone": "north"}),
		node("lonely", "10.9.9.9", 0, nil, map[string]string{}),
		node("web01.example", "", 0, []string{"site", "web"}, web),
		node("web02.example", "", 0, []string{"site", "web"}, web),
	}
	got, err := FromINI(ini)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("INI: %v %s", err, diff)
	}
	for name, text := range map[string]string{
		"the command's": `{"_meta":{"hostvars":{"web01.example":{"rack":7,"note":"two words","zone":"north","tier":"front"},"web02.example":{"rack":7,"note":"two words","zone":"north","tier":"front"},
			"db1":{"ansible_port":2222,"zone":"north"},"lonely":{"ansible_host":"10.9.9.9"}}},
			"all":{"children":["ungrouped","site"]},"ungrouped":{"hosts":["lonely"]},"site":{"children":["web","db"]},"web":{"hosts":["web01.example","web02.example"]},"db":{"hosts":["db1"]}}`,
		"a file's": `{"all":{"hosts":{"lonely":{"ansible_host":"10.9.9.9"}},"children":{"site":{"vars":{"zone":"north"},"children":{
			"web":{"vars":{"tier":"front","rack":1},"hosts":{"web[01:02].example":{"rack":7,"note":"two words"}}},"db":{"hosts":{"db1":{"ansible_port":2222}}}}}}}}`,
		"our own": `[{"name":"db1","port":2222,"tags":["db","site"],"attributes":{"zone":"north"}},{"name":"lonely","address":"10.9.9.9"},
			{"name":"web01.example","tags":["site","web"],"attributes":{"rack":7,"note":"two words","zone":"north","tier":"front"}},
			{"name":"web02.example","tags":["site","web"],"attributes":{"rack":"7","note":"two words","zone":"north","tier":"front"}}]`,
	} {
		var doc any
		if err := json.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatal(err)
		}
		got, err := FromDocument(doc)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	for _, bad := range []any{"x", []any{1.0}, []any{map[string]any{"nmae": "x"}}, []any{map[string]any{}}, map[string]any{"a": map[string]any{"children": []any{"a"}}}} {
		if nodes, err := FromDocument(bad); err == nil {
			t.Errorf("%v is taken: %v", bad, nodes)
		}
	}
}
