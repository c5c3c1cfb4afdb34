package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"squall/internal/squall"
)

// Content is what a pack's directory holds.
type Content struct {
	Pack    *squall.Pack
	Actions []*squall.Action // by file name; of equal names the last file's
}

// RunnersFunc finds a runner type by any of its names.
type RunnersFunc func(name string) (*squall.RunnerType, bool)

// Read is Reader{}.Read: without knowledge of runners.
func Read(fsys fs.FS, name string) (*Content, []Problem) { return Reader{}.Read(fsys, name) }

// Reader reads packs.
type Reader struct {
	// Runners, when set, lets the reader check what depends on the runner: that
	// it exists, and what of its parameters an action may change. Old names of
	// runners are then replaced by the present ones.
	Runners RunnersFunc
}

// Read reads the pack whose directory is fsys; name is the directory's name.
// Problems come in the order of files, pack.yaml first, and of their lines.
// Content is nil only when pack.yaml is unusable: a faulty action is left out,
// the others are there.
func (r Reader) Read(fsys fs.FS, name string) (*Content, []Problem) {
	meta := &file{name: "pack.yaml"}
	pack := readPack(meta, fsys, name)
	problems := meta.sorted()
	if meta.broken {
		// Actions are still read, so that one look finds all there is to mend.
		pack = &squall.Pack{Ref: name}
	}
	content := &Content{Pack: pack}
	byName := map[string]string{} // action -> the file it came from
	for _, name := range metadataFiles(fsys, "actions", &problems) {
		f := &file{name: name}
		a := r.readAction(f, fsys, pack.Ref)
		if a != nil && !f.broken {
			if other, ok := byName[a.Ref.Name]; ok {
				f.doubt(nil, fmt.Sprintf("action %q is in %s too", a.Ref.Name, other), "this file's is used; rename or remove one")
				content.Actions = slices.DeleteFunc(content.Actions, func(b *squall.Action) bool { return b.Ref == a.Ref })
			}
			byName[a.Ref.Name] = name
			content.Actions = append(content.Actions, a)
		}
		problems = append(problems, f.sorted()...)
	}
	if meta.broken {
		return nil, problems
	}
	return content, problems
}

// metadataFiles lists the metadata files directly in dir. What lies deeper is
// not metadata (workflows, libraries), nor is config.yaml (st2).
func metadataFiles(fsys fs.FS, dir string, problems *[]Problem) []string {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		*problems = append(*problems, Problem{File: dir, What: "the directory cannot be read: " + cause(err), Do: "check its permissions"})
		return nil
	}
	var files []string
	for _, e := range entries {
		switch ext := path.Ext(e.Name()); {
		case e.IsDir(), strings.HasPrefix(e.Name(), "."), e.Name() == "config.yaml":
		case ext == ".yaml", ext == ".yml", ext == ".json":
			files = append(files, dir+"/"+e.Name())
		}
	}
	return files
}

// cause words an error of the file system without the path, which the problem
// names already.
func cause(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}
