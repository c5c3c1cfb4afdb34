package conformance

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"squall/internal/expr/value"
)

// needs is what must lie on a server before a case runs, each piece under a name
// that no other piece may have with another content.
type needs map[string]piece

// piece is a file of a pack, or something that is told to the API.
type piece struct {
	pack string // of a file
	path string // below the pack
	mode os.FileMode
	text string

	key    *value.Dict // of the datastore, as the body of a PUT
	config any         // of the pack
	noFile bool        // the pack has no configuration: nothing to do, but to differ
}

// same compares what was recorded, not how it is laid out.
func (p piece) same(q piece) bool {
	return p.pack == q.pack && p.path == q.path && p.mode == q.mode && p.text == q.text && p.noFile == q.noFile
}

// needsOf collects what a case brings along.
func needsOf(c *Case) (needs, error) {
	n := needs{}
	if err := n.action(c.Raw); err != nil {
		return nil, err
	}
	if related := dictAt(c.Raw, "related_actions"); related != nil {
		for ref, v := range related.All() {
			d, ok := v.(*value.Dict)
			if !ok {
				return nil, fmt.Errorf("related action %v is no object", ref)
			}
			if err := n.action(d); err != nil {
				return nil, err
			}
		}
	}
	for _, item := range items(at(c.Raw, "policies")) {
		n.policy(item.(*value.Dict))
	}
	for _, item := range items(at(c.Raw, "datastore")) {
		key := item.(*value.Dict)
		text, err := value.ToJSON(key)
		if err != nil {
			return nil, err
		}
		n["key "+str(key, "name")] = piece{key: key, text: string(text)}
	}
	return n, n.configOf(c)
}

// action adds an action with its files. Cases of registration bring none.
func (n needs) action(d *value.Dict) error {
	meta := dictAt(d, "metadata")
	if meta == nil || str(meta, "pack") == "" || str(d, "kind") == "registration" {
		return nil
	}
	pack := str(meta, "pack")
	doc, err := value.ToJSON(meta)
	if err != nil {
		return err
	}
	n.file(pack, "actions/"+str(meta, "name")+".yaml", 0o644, string(doc)) // JSON is YAML
	for _, item := range items(at(meta, "policies")) {
		n.policy(item.(*value.Dict))
	}
	for _, item := range items(at(d, "policies")) {
		n.policy(item.(*value.Dict))
	}
	mode := uint64(0o644)
	if text := str(d, "file_mode"); text != "" {
		if mode, err = strconv.ParseUint(text, 8, 32); err != nil {
			return err
		}
	}
	if files := dictAt(d, "files"); files != nil {
		for name, text := range files.All() {
			n.file(pack, name.(string), os.FileMode(mode), text.(string))
		}
	}
	return nil
}

func (n needs) policy(d *value.Dict) {
	doc, err := value.ToJSON(d)
	if err != nil {
		return
	}
	n.file(str(d, "pack"), "policies/"+str(d, "name")+".yaml", 0o644, string(doc))
}

func (n needs) file(pack, path string, mode os.FileMode, text string) {
	n["file "+pack+"/"+path] = piece{pack: pack, path: path, mode: mode, text: text}
}

// configOf adds the pack's configuration; that of a case of registration is the
// case's own business.
func (n needs) configOf(c *Case) error {
	config := dictAt(c.Raw, "config")
	if config == nil || c.Mode == "config" {
		return nil
	}
	pack, _, _ := strings.Cut(str(c.Raw, "action"), ".")
	schema := at(config, "schema")
	if schema != nil {
		doc, err := value.ToJSON(schema)
		if err != nil {
			return err
		}
		n.file(pack, "config.schema.yaml", 0o644, string(doc))
	}
	values := at(config, "config")
	text, err := value.ToJSON(config)
	if err != nil {
		return err
	}
	n["config "+pack] = piece{pack: pack, config: values, noFile: values == nil, text: string(text)}
	return nil
}

// contradicts reports whether two sets have something different under one name.
func (n needs) contradicts(other needs) bool {
	for name, p := range other {
		if q, ok := n[name]; ok && !p.same(q) {
			return true
		}
	}
	return false
}

func (n needs) add(other needs) { maps.Copy(n, other) }

// lay writes the files below dir, a directory of packs. replace maps what a text
// names to what is here.
func (n needs) lay(dir string, replace func(string) string) error {
	packs := map[string]bool{"corpus": true}
	for _, p := range n {
		if p.pack != "" {
			packs[p.pack] = true
		}
		if p.path == "" {
			continue
		}
		file := filepath.Join(dir, p.pack, p.path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(replace(p.text)), p.mode); err != nil {
			return err
		}
	}
	for pack := range packs {
		if err := os.MkdirAll(filepath.Join(dir, pack, "actions"), 0o755); err != nil {
			return err
		}
		meta := "ref: " + pack + "\nname: " + pack + "\ndescription: recorded\nversion: 1.0.0\nauthor: corpus\nemail: corpus@example.org\n"
		if err := os.WriteFile(filepath.Join(dir, pack, "pack.yaml"), []byte(meta), 0o644); err != nil {
			return err
		}
	}
	return nil
}
