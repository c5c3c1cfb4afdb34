package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"squall/internal/expr/pyyaml"
	"squall/internal/squall"
)

// Content is what a pack's directory holds. Lists are in the order of files; of
// objects with one name the last file's is there.
type Content struct {
	Pack         *squall.Pack
	TriggerTypes []*squall.TriggerType // of the triggers directory and of the sensors
	Sensors      []*squall.Sensor
	Actions      []*squall.Action
	Aliases      []*squall.Alias
	Policies     []*squall.Policy
	Rules        []*squall.Rule
	Config       *squall.ConfigSchema // nil: the pack takes no configuration

	// Waiting are rules that are right but for their trigger type, which belongs
	// to a pack that is not there. They count once it is.
	Waiting []*squall.Rule

	Files map[string]Files // by directory: "actions", "rules" ...
}

// Files counts the metadata files of one directory.
type Files struct {
	Seen  int
	Right int // could be registered; several may hold the same object
}

// Dirs are the directories of a pack that hold metadata, in the order in which
// they are read (st2).
var Dirs = []string{"triggers", "sensors", "actions", "aliases", "policies", "rules"}

// RunnersFunc finds a runner type by any of its names.
type RunnersFunc func(name string) (*squall.RunnerType, bool)

// TriggersFunc finds a trigger type outside the pack that is read.
type TriggersFunc func(ref squall.Ref) (*squall.TriggerType, bool)

// Read is Reader{}.Read: without knowledge of runners and of other packs.
func Read(fsys fs.FS, name string) (*Content, []Problem) { return Reader{}.Read(fsys, name) }

// Reader reads packs.
type Reader struct {
	// Runners, when set, lets the reader check what depends on the runner: that
	// it exists, and what of its parameters an action may change. Old names of
	// runners are then replaced by the present ones.
	Runners RunnersFunc
	// Triggers, when set, lets the reader check that the trigger types of rules
	// exist and take the parameters given.
	Triggers TriggersFunc
}

// Read reads the pack whose directory is fsys; name is the directory's name.
// Problems come in the order of files, pack.yaml first, and of their lines.
// Content is nil only when pack.yaml or config.schema.yaml is unusable: a
// faulty file of another kind is left out, the others are there.
func (r Reader) Read(fsys fs.FS, name string) (*Content, []Problem) {
	d := &directory{fsys: fsys, content: &Content{Files: map[string]Files{}}}
	c := d.content
	c.Pack = d.readPack(name)
	if c.Pack == nil {
		// The rest is still read, so that one look finds all there is to mend.
		c.Pack = &squall.Pack{Ref: name}
		d.unusable = true
	}
	pack := c.Pack.Ref
	d.readConfig(pack)

	d.readTriggers(pack)
	c.Actions = collect(d, "actions", func(a *squall.Action) squall.Ref { return a.Ref }, func(f *file, root *pyyaml.Node) *squall.Action {
		a := r.readAction(f, root, pack)
		d.readDefinition(f, root, a)
		return a
	})
	inherit(c.Actions, c.Pack.Labels)
	c.Aliases = collect(d, "aliases", func(a *squall.Alias) squall.Ref { return a.Ref }, func(f *file, root *pyyaml.Node) *squall.Alias {
		return readAlias(f, root, pack)
	})
	c.Policies = collect(d, "policies", func(p *squall.Policy) squall.Ref { return p.Ref }, func(f *file, root *pyyaml.Node) *squall.Policy {
		return readPolicy(f, root, pack)
	})
	waiting := map[*squall.Rule]bool{}
	c.Rules = collect(d, "rules", func(rule *squall.Rule) squall.Ref { return rule.Ref }, func(f *file, root *pyyaml.Node) *squall.Rule {
		rule, trigger := r.readRule(f, root, pack)
		if !f.broken && !r.checkTrigger(f, rule, trigger, c.TriggerTypes) {
			waiting[rule] = true
		}
		return rule
	})
	c.Rules = slices.DeleteFunc(c.Rules, func(rule *squall.Rule) bool {
		if waiting[rule] {
			c.Waiting = append(c.Waiting, rule)
		}
		return waiting[rule]
	})
	if d.unusable {
		return nil, d.problems
	}
	return c, d.problems
}

// TriggerTypes reads no more of a pack than the trigger types it declares. Its
// problems are those that Read reports.
func (r Reader) TriggerTypes(fsys fs.FS, name string) []*squall.TriggerType {
	d := &directory{fsys: fsys, content: &Content{Files: map[string]Files{}}}
	p := d.readPack(name)
	if p == nil {
		return nil
	}
	d.readTriggers(p.Ref)
	return d.content.TriggerTypes
}

// readTriggers reads trigger types and sensors.
func (d *directory) readTriggers(pack string) {
	c := d.content
	c.TriggerTypes = collect(d, "triggers", func(t *squall.TriggerType) squall.Ref { return t.Ref }, func(f *file, root *pyyaml.Node) *squall.TriggerType {
		return readTrigger(f, root, pack)
	})
	sensors := collect(d, "sensors", func(s sensorFile) squall.Ref { return s.sensor.Ref }, func(f *file, root *pyyaml.Node) sensorFile {
		return readSensor(f, root, pack)
	})
	for _, s := range sensors {
		c.Sensors = append(c.Sensors, s.sensor)
		for _, t := range s.types { // a sensor's word replaces that of a file (st2)
			c.TriggerTypes = slices.DeleteFunc(c.TriggerTypes, func(o *squall.TriggerType) bool { return o.Ref == t.Ref })
			c.TriggerTypes = append(c.TriggerTypes, t)
		}
	}
}

// checkTrigger reports whether the trigger type of a rule exists, and finds
// fault with the parameters when they are not right for it.
func (r Reader) checkTrigger(f *file, rule *squall.Rule, at *pyyaml.Node, own []*squall.TriggerType) bool {
	if r.Triggers == nil {
		return true
	}
	ref := rule.Trigger.Type
	if slices.ContainsFunc(own, func(t *squall.TriggerType) bool { return t.Ref == ref }) {
		return true
	}
	t, ok := r.Triggers(ref)
	if !ok {
		do := fmt.Sprintf("the rule works once pack %q is there", ref.Pack)
		if ref.Pack == rule.Ref.Pack {
			do = "declare it in the directory triggers or in a sensor"
		}
		f.doubt(at.Get("type"), fmt.Sprintf("there is no trigger type %q", ref), do)
		return false
	}
	// Only the parameters of built-in triggers are checked (st2).
	if schema := schemaOf(t.ParametersSchema); ref.Pack == "core" && schema != nil {
		if _, err := fill(schema, rule.Trigger.Parameters); err != nil {
			where := at
			if n := at.Get("parameters"); n != nil {
				where = n
			}
			f.fault(where, "parameters of trigger: "+squall.MessageOf(err), "see what "+ref.String()+" takes")
		}
	}
	return true
}

// directory is a pack that is being read.
type directory struct {
	fsys     fs.FS
	content  *Content
	problems []Problem
	unusable bool // the pack as a whole
}

func (d *directory) readPack(name string) *squall.Pack {
	f := &file{name: "pack.yaml"}
	var p *squall.Pack
	if root := f.load(d.fsys); root != nil {
		p = readPack(f, root, name)
	}
	d.problems = append(d.problems, f.sorted()...)
	if f.broken {
		return nil
	}
	return p
}

func (d *directory) readConfig(pack string) {
	if _, err := fs.Stat(d.fsys, configFile); errors.Is(err, fs.ErrNotExist) {
		return
	}
	f := &file{name: configFile}
	if root := f.load(d.fsys); root != nil {
		d.content.Config = readConfigSchema(f, root, pack)
	}
	d.problems = append(d.problems, f.sorted()...)
	d.unusable = d.unusable || f.broken
}

// collect reads the metadata files of one directory. Of objects with the same
// reference the last file's counts (st2).
func collect[T any](d *directory, dir string, refOf func(T) squall.Ref, read func(*file, *pyyaml.Node) T) []T {
	var list []T
	at := map[squall.Ref]int{} // index in list
	from := map[squall.Ref]string{}
	files := metadataFiles(d.fsys, dir, &d.problems)
	count := Files{Seen: len(files)}
	for _, name := range files {
		f := &file{name: name}
		root := f.load(d.fsys)
		if root == nil {
			d.problems = append(d.problems, f.sorted()...)
			continue
		}
		object := read(f, root)
		if ref := refOf(object); !f.broken {
			count.Right++
			if other, ok := from[ref]; ok {
				f.doubt(nil, fmt.Sprintf("%q is in %s too", ref, other), "this file's is used; rename or remove one")
				list = slices.Delete(list, at[ref], at[ref]+1)
				for r, i := range at {
					if i > at[ref] {
						at[r] = i - 1
					}
				}
			}
			at[ref], from[ref] = len(list), name
			list = append(list, object)
		}
		d.problems = append(d.problems, f.sorted()...)
	}
	if count.Seen > 0 {
		d.content.Files[dir] = count
	}
	return list
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
