package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"squall/internal/workflow/mistral"
)

func (a *app) workflowConvertCommand() *cobra.Command {
	c := &conversion{app: a, kinds: map[string]int{}}
	var form string
	cmd := &cobra.Command{
		Use:   "convert FILE|DIR",
		Short: "Turn workflows of Mistral and ActionChains into Orquesta workflows",
		Long: `Convert workflows and workbooks of OpenStack Mistral (version 2) and ActionChains.
Of a directory (a pack, or one with packs) all are converted; other files are
passed over. Without --to, the workflow of a single FILE is printed.

The report says of each workflow whether it is converted and behaves the same
(complete), is converted but has places to look at (look here), or is not
converted and why (impossible). Every note has a rule, which docs/migration.md
explains, and a line in the source. It goes to standard error, or to standard
output when no workflow is printed there.

With --to the result is written below that directory, under the paths of the
source: definitions, the metadata of their actions with the new runner, and
definitions and metadata for workflows that others of their file call. The
source is only read, and a second run writes the same. The command ends with
status 1 when a workflow could not be converted.`,
		Example: `  squall workflow convert old.yaml > new.yaml
  squall workflow convert /opt/stackstorm/packs/deploy --to /tmp/deploy
  squall workflow convert packs --to /tmp/converted --report json > report.json`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if form != "text" && form != "json" {
				return usageErrorf("--report is text or json")
			}
			c.json = form == "json"
			return c.run(args[0])
		},
	}
	cmd.Flags().StringVar(&c.to, "to", "", "write the results below this directory")
	cmd.Flags().StringVar(&form, "report", "text", "report as text or json")
	cmd.Flags().StringVar(&c.options.Pack, "pack", "", "pack of the workflows; otherwise known from the path")
	cmd.Flags().StringVar(&c.options.Main, "main", "", "workflow of a workbook to begin with; otherwise known from the action, or main, or the one that no other calls")
	cmd.Flags().StringVar(&c.options.Target, "task", "", "task that a reverse workflow ends with")
	return cmd
}

// conversion converts files and gathers the report.
type conversion struct {
	app     *app
	to      string
	json    bool
	options mistral.Options

	report []convertedFile
	kinds  map[string]int // verdicts
}

// convertedFile is a file in the report.
type convertedFile struct {
	File string `json:"file"`
	*mistral.Result
	Written []string `json:"written,omitempty"`
}

func (c *conversion) run(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && path != "-":
		return usageErrorf("%w", err)
	case err == nil && info.IsDir():
		if c.to == "" {
			return usageErrorf("converting a directory needs --to\nsee squall workflow convert --help")
		}
		err = c.directory(path)
	default:
		err = c.file(filepath.Dir(path), path, true)
	}
	if err != nil {
		return err
	}
	return c.finish()
}

// directory converts whatever is a workflow below dir.
func (c *conversion) directory(dir string) error {
	if abs, err := filepath.Abs(dir); err == nil {
		if to, err := filepath.Abs(c.to); err == nil && (to == abs || strings.HasPrefix(to, abs+string(filepath.Separator))) {
			return usageErrorf("--to must lie outside of the source")
		}
	}
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && strings.HasPrefix(e.Name(), ".") && path != dir:
			return filepath.SkipDir
		case e.IsDir(), filepath.Ext(path) != ".yaml" && filepath.Ext(path) != ".yml":
			return nil
		}
		return c.file(dir, path, false)
	})
}

// file converts one file below root. named: it was named on the command line, so
// that it has to be a workflow.
func (c *conversion) file(root, path string, named bool) error {
	text, err := c.app.readFile(path)
	if err != nil {
		return err
	}
	if !named && mistral.Kind(text) == "" {
		return nil
	}
	o := c.options
	o.Exprs = workflowExprs()
	meta := findAction(path)
	if o.Pack == "" {
		o.Pack = meta.pack
	}
	o.Name = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if meta.file != "" {
		o.Name, o.Parameters = meta.Name, meta.Parameters
		if o.Main == "" {
			o.Main = meta.Main
		}
		if o.Target == "" {
			o.Target = meta.Target
		}
	}
	entry := convertedFile{File: path, Result: mistral.Convert(text, o)}
	for _, w := range entry.Workflows {
		c.kinds[string(w.Verdict)]++
	}
	switch {
	case c.to != "":
		if entry.Written, err = c.write(root, path, meta, entry.Result); err != nil {
			return err
		}
	case !c.json && entry.Workflows[0].Text != "":
		fmt.Fprint(c.app.io.Stdout, entry.Workflows[0].Text)
	}
	c.report = append(c.report, entry)
	return nil
}

// actionFile is the metadata of the action that runs a workflow.
type actionFile struct {
	mistral.Action
	file string // "" when there is none
	pack string
}

// findAction looks for the action that runs a definition: in the directory
// "actions" that the definition lies below.
func findAction(path string) (found actionFile) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return found
	}
	dir := filepath.Dir(abs)
	for filepath.Base(dir) != "actions" {
		if dir == filepath.Dir(dir) {
			return found
		}
		dir = filepath.Dir(dir)
	}
	found.pack = filepath.Base(filepath.Dir(dir))
	rel, err := filepath.Rel(dir, abs)
	if err != nil {
		return found
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*.y*ml"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if a, ok := mistral.ReadAction(text); ok && filepath.Clean(a.EntryPoint) == rel && (a.Runner == "mistral-v2" || a.Runner == "action-chain") {
			found.Action, found.file = a, f
			return found
		}
	}
	return found
}

// write lays the results of one file below the target.
func (c *conversion) write(root, path string, meta actionFile, res *mistral.Result) (written []string, err error) {
	rel, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	put := func(rel, text string) error {
		name := filepath.Join(c.to, rel)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		written = append(written, name)
		return os.WriteFile(name, []byte(text), 0o644) //nolint:gosec // packs are readable by all
	}
	if slices.ContainsFunc(res.Workflows, func(w mistral.Workflow) bool { return w.Text == "" }) {
		return nil, nil // parts of a workbook are of no use
	}
	for i, w := range res.Workflows {
		definition := rel
		if i > 0 {
			_, name, _ := strings.Cut(w.Action, ".")
			definition = filepath.Join(filepath.Dir(rel), name+".yaml")
		}
		if err := put(definition, w.Text); err != nil {
			return written, err
		}
		if meta.file == "" {
			continue
		}
		metaRel := filepath.Base(meta.file) // of a single file the action may lie elsewhere
		if abs, err := filepath.Abs(root); err == nil {
			if r, err := filepath.Rel(abs, meta.file); err == nil && !strings.HasPrefix(r, "..") {
				metaRel = r
			}
		}
		if i == 0 {
			err = c.putMetadata(put, metaRel, meta.file, w)
		} else {
			entry := filepath.ToSlash(filepath.Join(filepath.Dir(meta.EntryPoint), filepath.Base(definition)))
			var text string
			if text, err = mistral.NewMetadata(w, entry); err == nil {
				err = put(filepath.Join(filepath.Dir(metaRel), filepath.Base(definition)), text)
			}
		}
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func (c *conversion) putMetadata(put func(rel, text string) error, rel, file string, w mistral.Workflow) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err := mistral.Metadata(src, w)
	if err != nil {
		return fmt.Errorf("convert metadata %s: %w", file, err)
	}
	return put(rel, text)
}

// finish prints the report.
func (c *conversion) finish() error {
	out := c.app.io.Stderr
	if c.to != "" || c.json {
		out = c.app.io.Stdout
	}
	if c.json {
		enc := json.NewEncoder(out)
		enc.SetIndent("", "  ")
		doc := struct {
			Files    []convertedFile `json:"files"`
			Verdicts map[string]int  `json:"verdicts"`
		}{c.report, c.kinds}
		if doc.Files == nil {
			doc.Files = []convertedFile{}
		}
		if err := enc.Encode(doc); err != nil {
			return err
		}
	} else {
		for _, f := range c.report {
			for _, w := range f.Workflows {
				fmt.Fprintf(out, "%s: %s: %s\n", f.File, w.Name, w.Verdict)
				for _, n := range w.Notes {
					at := f.File
					if n.Line > 0 {
						at = fmt.Sprintf("%s:%d:%d", f.File, n.Line, n.Column)
					}
					fmt.Fprintf(out, "  %s: %s %s: %s\n", at, n.Level, n.Rule, n.Message)
				}
			}
		}
		fmt.Fprintf(out, "%d complete, %d to look at, %d impossible\n", c.kinds[string(mistral.Complete)], c.kinds[string(mistral.WithNotes)], c.kinds[string(mistral.NotAtAll)])
	}
	if c.kinds[string(mistral.NotAtAll)] > 0 {
		return &ExitError{Code: ExitFailed}
	}
	return nil
}
