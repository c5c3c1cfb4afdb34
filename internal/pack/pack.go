package pack

import (
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

// The forms of pack.yaml's texts (st2).
var (
	refForm     = regexp.MustCompile(`^[a-z0-9_]+$`)
	versionForm = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(?:[-+][0-9A-Za-z.+-]+)?$`)
	serverForm  = regexp.MustCompile(`^(?:>=|<=|>|<|=)\s*[0-9]+\.[0-9]+\.[0-9]+(?:\s*,\s*(?:>=|<=|>|<|=)\s*[0-9]+\.[0-9]+\.[0-9]+)*$`)
)

// readPack reads pack.yaml. Unknown keys are let pass: packs use them for
// their own tools (st2).
func readPack(f *file, root *pyyaml.Node, dir string) *squall.Pack {
	p := &squall.Pack{}
	for _, e := range f.entries(root) {
		switch e.name {
		case "ref":
			p.Ref = f.text("ref", e.node)
			if !refForm.MatchString(p.Ref) && !f.wrong(e.node) {
				f.fault(e.node, fmt.Sprintf("ref %q is not made of small letters, digits and _", p.Ref), "write it as the directory is called")
			}
		case "name":
			p.Name = f.text("name", e.node)
		case "description":
			p.Description = f.text("description", e.node)
		case "version":
			f.packVersion(e.node, p)
		case "author":
			p.Author = f.text("author", e.node)
		case "email":
			p.Email = f.text("email", e.node)
		case "keywords":
			p.Keywords = f.texts("keywords", e.node)
		case "contributors":
			p.Contributors = f.texts("contributors", e.node)
			f.short(e, 100)
		case "dependencies":
			p.Dependencies = f.texts("dependencies", e.node)
		case "python_versions":
			p.PythonVersions = f.pythonVersions(e)
		case "stackstorm_version":
			p.ServerVersion = f.text("stackstorm_version", e.node)
			if p.ServerVersion != "" && !serverForm.MatchString(p.ServerVersion) {
				f.fault(e.node, fmt.Sprintf("stackstorm_version %q is no range of versions", p.ServerVersion), `write it like ">=3.0.0" or ">=3.0.0, <4.0.0"`)
			}
		case "system":
			p.System = f.object("system", e.node)
		case "labels":
			if e.node.Kind == pyyaml.Mapping { // otherwise it is one of those keys
				p.Labels = f.labels(e.node)
			}
		}
	}
	for _, name := range []string{"name", "version"} {
		if n := root.Get(name); n == nil || n.Value == nil {
			f.fault(root, name+" is missing", "add a line "+name+": ...")
		}
	}
	// st2: an explicit ref, else the directory's name, else the pack's.
	explicit := p.Ref != ""
	for _, name := range []string{dir, p.Name} {
		if p.Ref == "" && refForm.MatchString(name) {
			p.Ref = name
		}
	}
	switch {
	case p.Ref == "":
		f.fault(root, fmt.Sprintf("neither the directory %q nor the name %q can serve as reference", dir, p.Name),
			"add a line ref: with small letters, digits and _")
	case explicit && p.Ref != dir && dir != "":
		f.doubt(root.Get("ref"), fmt.Sprintf("ref is %q, but the directory is called %q", p.Ref, dir), "rename the directory: what refers into the pack uses ref")
	}
	return p
}

// packVersion reads a semantic version. A number is taken as written (st2
// turns it into text), which makes 0.2 a version of two numbers.
func (f *file) packVersion(n *pyyaml.Node, p *squall.Pack) {
	switch n.Value.(type) {
	case int64, float64:
		p.Version = n.Text
	default:
		p.Version = f.text("version", n)
	}
	if p.Version != "" && !versionForm.MatchString(p.Version) {
		f.fault(n, fmt.Sprintf("version %q does not have three numbers", p.Version), "write it like 1.0.0")
	}
}

func (f *file) pythonVersions(e entry) []string {
	versions := f.texts("python_versions", e.node)
	for i, v := range versions {
		at := e.node.Items[i]
		switch {
		case f.wrong(at):
		case v != "2" && v != "3":
			f.fault(at, fmt.Sprintf("python_versions holds %q", v), `write "2" or "3"`)
		case slices.Contains(versions[:i], v):
			f.fault(at, fmt.Sprintf("python_versions holds %q twice", v), "remove one")
		}
	}
	if versions != nil && len(versions) == 0 {
		f.fault(e.node, "python_versions is empty", "remove the line, or name a version")
	}
	return versions
}

// short refuses texts of a list that are longer than limit characters.
func (f *file) short(e entry, limit int) {
	for _, item := range e.node.Items {
		if text, ok := item.Value.(string); ok && utf8.RuneCountInString(text) > limit {
			f.fault(item, fmt.Sprintf("an entry of %s is longer than %d characters", e.name, limit), "shorten it")
		}
	}
}
