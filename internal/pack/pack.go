package pack

import (
	"fmt"
	"io/fs"
	"regexp"

	"squall/internal/squall"
)

var (
	refForm     = regexp.MustCompile(`^[a-z0-9_]+$`)
	versionForm = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?$`)
)

// readPack reads pack.yaml. Unknown keys are let pass: packs use them for
// their own tools (st2).
func readPack(f *file, fsys fs.FS, dir string) *squall.Pack {
	root := f.load(fsys)
	if root == nil {
		return nil
	}
	p := &squall.Pack{}
	for _, e := range f.entries(root) {
		switch e.name {
		case "ref":
			p.Ref = f.text("ref", e.node)
			if !refForm.MatchString(p.Ref) {
				f.fault(e.node, fmt.Sprintf("ref %q is not made of small letters, digits and _", p.Ref), "write it as the directory is called")
			}
		case "name":
			p.Name = f.text("name", e.node)
		case "description":
			p.Description = f.text("description", e.node)
		case "version":
			if p.Version = f.text("version", e.node); p.Version != "" && !versionForm.MatchString(p.Version) {
				f.fault(e.node, fmt.Sprintf("version %q does not have three numbers", p.Version), "write it like 1.0.0")
			}
		case "author":
			p.Author = f.text("author", e.node)
		case "email":
			p.Email = f.text("email", e.node)
		case "keywords", "contributors", "python_versions":
			f.list(e)
		}
	}
	for _, name := range []string{"name", "version"} {
		if n := root.Get(name); n == nil || n.Value == nil {
			f.fault(root, name+" is missing", "add a line "+name+": ...")
		}
	}
	// st2: an explicit ref, else the directory's name, else the pack's.
	for _, name := range []string{dir, p.Name} {
		if p.Ref == "" && refForm.MatchString(name) {
			p.Ref = name
		}
	}
	if p.Ref == "" {
		f.fault(root, fmt.Sprintf("neither the directory %q nor the name %q can serve as reference", dir, p.Name),
			"add a line ref: with small letters, digits and _")
	}
	return p
}

// list checks a list of texts.
func (f *file) list(e entry) {
	if e.node.Value == nil {
		return
	}
	if e.node.Items == nil && kindOf(e.node) != "a list" {
		f.fault(e.node, fmt.Sprintf("%s must be a list, not %s", e.name, kindOf(e.node)), `write "- one" lines`)
	}
	for _, item := range e.node.Items {
		if _, ok := item.Value.(string); !ok {
			f.fault(item, fmt.Sprintf("%s must hold texts, not %s", e.name, kindOf(item)), "put it in quotes")
		}
	}
}
