package content_test

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"squall/internal/content"
	"squall/internal/squall"
	"squall/internal/store"
)

// service returns a service whose packs lie in a fresh directory.
func service(t testing.TB) *content.Service {
	t.Helper()
	dir := t.TempDir()
	builtin := files(t, filepath.Join(dir, "builtin", "core"), map[string]string{"pack.yaml": "name: core\nversion: 1.0.0\n"})
	s := &content.Service{Registrar: open(t), Dir: filepath.Join(dir, "packs"), Builtin: []string{builtin}}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func install(t testing.TB, s *content.Service, from string) []*content.Report {
	t.Helper()
	reports, err := s.Install(t.Context(), from, content.InstallOptions{})
	if err != nil {
		t.Fatalf("install %s: %v", from, err)
	}
	return reports
}

// version returns the registered version of a pack, "" when it is not there.
func version(t testing.TB, s *content.Service, ref string) string {
	t.Helper()
	var v string
	err := s.Store.View(t.Context(), func(tx store.Tx) error {
		p, err := tx.Pack(t.Context(), ref)
		if err == nil {
			v = p.Version
		}
		return err
	})
	if err != nil && squall.KindOf(err) != squall.NotFound {
		t.Fatal(err)
	}
	return v
}

// leftovers lists what installations have left beside the packs.
func leftovers(t testing.TB, s *content.Service) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.Dir, ".*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestInstallUpgradeRemove(t *testing.T) {
	s := service(t)
	from := mine(t, t.TempDir())
	equal(t, "reports", len(install(t, s, from)), 1)
	equal(t, "version", version(t, s, "mine"), "1.0.0")

	files(t, from, map[string]string{"pack.yaml": "name: mine\nversion: 2.0.0\n", "aliases/a.yaml": ""})
	report := install(t, s, from)[0]
	equal(t, "changed", report.Changed, []string{"pack mine"})
	equal(t, "removed", report.Removed, []string{"action_alias mine.a"})
	equal(t, "version", version(t, s, "mine"), "2.0.0")
	equal(t, "left", leftovers(t, s), []string(nil))

	if err := s.Remove(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	equal(t, "version", version(t, s, "mine"), "")
	equal(t, "rules", refs(t, s.Registrar, store.Rules), []string(nil))
	equal(t, "triggers", refs(t, s.Registrar, store.Triggers), []string(nil))
	if _, err := os.Stat(filepath.Join(s.Dir, "mine")); err == nil {
		t.Error("the files are still there")
	}
	equal(t, "remove again", squall.KindOf(s.Remove(t.Context(), "mine")), squall.NotFound)
	equal(t, "remove a built-in pack", squall.KindOf(s.Remove(t.Context(), "core")), squall.Conflict)
	equal(t, "remove a path", squall.KindOf(s.Remove(t.Context(), "../core")), squall.Invalid)
}

// Whatever is wrong with the new pack, the old one stays as it was.
func TestInstallUndoes(t *testing.T) {
	s := service(t)
	from := mine(t, t.TempDir())
	install(t, s, from)
	for name, texts := range map[string]map[string]string{
		"unusable":       {"pack.yaml": "name: mine\nversion: 2\n"},
		"a faulty file":  {"pack.yaml": "name: mine\nversion: 2.0.0\n", "actions/bad.yaml": "name: bad\n"},
		"other version":  {"pack.yaml": "name: mine\nversion: 2.0.0\nstackstorm_version: '>=99.0.0'\n"},
		"built in":       {"pack.yaml": "name: core\nversion: 2.0.0\n"},
		"no dependency":  {"pack.yaml": "name: mine\nversion: 2.0.0\ndependencies: [not_there]\n"},
		"odd dependency": {"pack.yaml": "name: mine\nversion: 2.0.0\ndependencies: ['--upload-pack=x']\n"},
	} {
		bad := files(t, filepath.Join(t.TempDir(), "x"), texts)
		if _, err := s.Install(t.Context(), bad, content.InstallOptions{}); err == nil || squall.KindOf(err) == squall.Internal {
			t.Errorf("%s: error %v", name, err)
		}
		equal(t, name, version(t, s, "mine"), "1.0.0")
		if _, err := os.Stat(filepath.Join(s.Dir, "mine", "aliases", "a.yaml")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		equal(t, "left", leftovers(t, s), []string(nil))
	}
	forced := files(t, filepath.Join(t.TempDir(), "x"), map[string]string{
		"pack.yaml": "name: mine\nversion: 3.0.0\nstackstorm_version: '>=99.0.0'\n", "actions/bad.yaml": "name: bad\n",
	})
	if _, err := s.Install(t.Context(), forced, content.InstallOptions{Force: true}); err != nil {
		t.Error(err)
	}
	equal(t, "forced", version(t, s, "mine"), "3.0.0")
}

// A crash between the two renames of an upgrade leaves the old pack beside its
// place: the next start puts it back.
func TestLoadUndoesAnInterruptedUpgrade(t *testing.T) {
	s := service(t)
	install(t, s, mine(t, t.TempDir()))
	if err := os.Rename(filepath.Join(s.Dir, "mine"), filepath.Join(s.Dir, ".old-mine")); err != nil {
		t.Fatal(err)
	}
	files(t, s.Dir, map[string]string{"mine/pack.yaml": "half", ".stage-1/x": "y"})
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "left", leftovers(t, s), []string(nil))
	if _, err := os.Stat(filepath.Join(s.Dir, "mine", "rules", "r.yaml")); err != nil {
		t.Error(err)
	}
}

func TestInstallFromGit(t *testing.T) {
	if _, err := exec.LookPath("git"); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	s := service(t)
	repo := mine(t, t.TempDir())
	git := func(args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "git", append([]string{"-C", repo, "-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	git("tag", "v1.0.0")
	git("checkout", "-q", "-b", "next")
	files(t, repo, map[string]string{"pack.yaml": "name: mine\nversion: 2.0.0\n"})
	git("commit", "-q", "-a", "-m", "two")
	git("checkout", "-q", "main")

	url := "file://" + repo
	for _, test := range []struct{ from, want string }{
		{url, "1.0.0"}, {url + "=next", "2.0.0"}, {url + "=1.0.0", "1.0.0"}, {url + "=v1.0.0", "1.0.0"},
	} {
		install(t, s, test.from)
		equal(t, test.from, version(t, s, "mine"), test.want)
	}
	for _, from := range []string{url + "=nowhere", "file:///nowhere.git", "ext::sh -c id", url + "=--help"} {
		if _, err := s.Install(t.Context(), from, content.InstallOptions{}); err == nil || squall.KindOf(err) == squall.Internal {
			t.Errorf("%s: error %v", from, err)
		}
	}

	// By name, and as a dependency of another pack.
	s.IndexFile = filepath.Join(t.TempDir(), "index.json")
	files(t, filepath.Dir(s.IndexFile), map[string]string{"index.json": `{"packs":{"mine":{"ref":"mine","repo_url":"` + url + `"}}}`})
	if err := s.Remove(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	other := files(t, filepath.Join(t.TempDir(), "other"), map[string]string{"pack.yaml": otherYAML + "dependencies: [core, mine=next]\n"})
	equal(t, "packs installed", len(install(t, s, other)), 2)
	equal(t, "dependency", version(t, s, "mine"), "2.0.0")
	install(t, s, "mine")
	equal(t, "by name", version(t, s, "mine"), "1.0.0")
	_, err := s.Install(t.Context(), "unheard_of", content.InstallOptions{})
	equal(t, "not in the index", squall.KindOf(err), squall.NotFound)
}

// member is an entry of an archive.
type member struct {
	name, text string
	mode       fs.FileMode
}

func tarball(t *testing.T, members ...member) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pack.tar.gz")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	for _, m := range members {
		h := &tar.Header{Name: m.name, Mode: int64(m.mode.Perm()), Size: int64(len(m.text)), Typeflag: tar.TypeReg}
		if m.mode&fs.ModeSymlink != 0 {
			h.Typeflag, h.Linkname, h.Size = tar.TypeSymlink, m.text, 0
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(m.text)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, c := range []interface{ Close() error }{w, z, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

func zipped(t *testing.T, members ...member) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pack.zip")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for _, m := range members {
		h := &zip.FileHeader{Name: m.name}
		h.SetMode(m.mode)
		e, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write([]byte(m.text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []interface{ Close() error }{w, f} {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

func TestInstallFromArchive(t *testing.T) {
	for _, make := range []func(*testing.T, ...member) string{tarball, zipped} {
		for _, top := range []string{"", "mine-1.0/", "./"} {
			s := service(t)
			install(t, s, make(t, member{top + "pack.yaml", packYAML, 0o644}, member{top + "actions/a.sh", "#!/bin/sh\n", 0o755}))
			equal(t, top, version(t, s, "mine"), "1.0.0")
			info, err := os.Stat(filepath.Join(s.Dir, "mine", "actions", "a.sh"))
			if err != nil || info.Mode().Perm()&0o100 == 0 {
				t.Errorf("script: %v %v", info, err)
			}
		}
	}
}

func TestArchivesStayInside(t *testing.T) {
	pack := member{"pack.yaml", packYAML, 0o644}
	for _, bad := range [][]member{
		{pack, {"../outside", "x", 0o644}},
		{pack, {"a/../../outside", "x", 0o644}},
		{pack, {"/tmp/outside", "x", 0o644}},
		{pack, {`..\outside`, "x", 0o644}},
		{pack, {"link", "/etc", fs.ModeSymlink | 0o777}},
		{pack, {"link", "../..", fs.ModeSymlink | 0o777}, {"link/outside", "x", 0o644}},
		{pack, pack}, // twice the same: which one counts?
		{{"readme", "no pack", 0o644}},
	} {
		for _, archive := range []string{tarball(t, bad...), zipped(t, bad...)} {
			s := service(t)
			_, err := s.Install(t.Context(), archive, content.InstallOptions{})
			if squall.KindOf(err) != squall.Invalid {
				t.Errorf("%v: error %v", bad[len(bad)-1], err)
			}
			var found []string
			_ = filepath.WalkDir(filepath.Dir(s.Dir), func(path string, _ fs.DirEntry, _ error) error {
				if strings.Contains(path, "outside") {
					found = append(found, path)
				}
				return nil
			})
			equal(t, "outside", found, []string(nil))
			equal(t, "left", leftovers(t, s), []string(nil))
		}
	}
}

// A directory of the administrator comes before an installed pack, and is not
// touched.
func TestDirectoriesOfTheAdministrator(t *testing.T) {
	s := service(t)
	dir := t.TempDir()
	mine(t, dir)
	s.Dirs = []string{dir}
	if err := s.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "version", version(t, s, "mine"), "1.0.0")
	_, err := s.Install(t.Context(), mine(t, t.TempDir()), content.InstallOptions{})
	equal(t, "install over it", squall.KindOf(err), squall.Conflict)
	equal(t, "remove it", squall.KindOf(s.Remove(t.Context(), "mine")), squall.Conflict)
	_, err = s.RegisterPacks(t.Context(), []string{"nope"}, content.Options{})
	if squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), `Pack "nope" not found on disk`) {
		t.Errorf("register an unknown pack: %v", err)
	}
	paths, _, err := s.Paths()
	if err != nil || !slices.Contains(paths, filepath.Join(dir, "mine")) {
		t.Errorf("paths %v: %v", paths, err)
	}
}

// environments notes what is asked of it, and fails where it is told to.
type environments struct {
	calls []string
	fail  string
}

func (e *environments) note(call string) error {
	e.calls = append(e.calls, call)
	if strings.HasPrefix(call, e.fail+" ") {
		return squall.Errorf(squall.Invalid, "told to fail")
	}
	return nil
}

func (e *environments) Prepare(_ context.Context, pack, dir string, fresh bool, progress io.Writer) (string, error) {
	if !isFile(filepath.Join(dir, "pack.yaml")) {
		return "", errors.New("the pack is not there")
	}
	fmt.Fprintln(progress, "preparing")
	return "env", e.note(fmt.Sprintf("prepare %s %t", pack, fresh))
}
func (e *environments) Use(pack, env string) error { return e.note("use " + pack + " " + env) }
func (e *environments) Undo(pack string) error     { return e.note("undo " + pack) }
func (e *environments) Done(pack string) error     { return e.note("done " + pack) }
func (e *environments) Remove(pack string) error   { return e.note("remove " + pack) }

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func TestTheEnvironmentComesAndGoesWithThePack(t *testing.T) {
	s, e := service(t), &environments{fail: "nothing"}
	s.Environments = e
	from := mine(t, t.TempDir())
	var progress strings.Builder
	if _, err := s.Install(t.Context(), from, content.InstallOptions{Progress: &progress}); err != nil {
		t.Fatal(err)
	}
	equal(t, "calls", e.calls, []string{"prepare mine false", "use mine env", "done mine"})
	equal(t, "progress", progress.String(), "preparing\n")

	for fail, want := range map[string][]string{
		"prepare": {"prepare mine false"},
		"use":     {"prepare mine false", "use mine env", "undo mine"},
	} {
		e.calls, e.fail = nil, fail
		files(t, from, map[string]string{"pack.yaml": "name: mine\nversion: 3.0.0\n"})
		if _, err := s.Install(t.Context(), from, content.InstallOptions{}); squall.KindOf(err) != squall.Invalid {
			t.Errorf("%s fails: %v", fail, err)
		}
		equal(t, "calls when "+fail+" fails", e.calls, want)
		equal(t, "version when "+fail+" fails", version(t, s, "mine"), "1.0.0")
		equal(t, "left", leftovers(t, s), []string(nil))
	}

	e.calls, e.fail = nil, "nothing"
	made, err := s.SetUpEnvironment(t.Context(), "mine", io.Discard)
	if err != nil || !made {
		t.Errorf("set up: %t, %v", made, err)
	}
	if err := s.Remove(t.Context(), "mine"); err != nil {
		t.Fatal(err)
	}
	equal(t, "calls", e.calls, []string{"prepare mine true", "use mine env", "done mine", "remove mine"})
	if _, err := s.SetUpEnvironment(t.Context(), "mine", io.Discard); squall.KindOf(err) != squall.NotFound {
		t.Errorf("of a pack that is gone: %v", err)
	}
}

func TestAPackForPython2IsRefused(t *testing.T) {
	s := service(t)
	from := mine(t, t.TempDir())
	files(t, from, map[string]string{"pack.yaml": "name: mine\nversion: 1.0.0\npython_versions: ['2']\n"})
	_, err := s.Install(t.Context(), from, content.InstallOptions{})
	if squall.KindOf(err) != squall.Invalid || !strings.Contains(err.Error(), "Python 2") {
		t.Errorf("%v", err)
	}
	if _, err := s.Install(t.Context(), from, content.InstallOptions{Force: true}); err != nil {
		t.Errorf("by force: %v", err)
	}
}

func TestSomeBuiltInPacksGiveWay(t *testing.T) {
	s := service(t)
	for _, name := range []string{"chatops", "examples"} {
		builtin := files(t, filepath.Join(t.TempDir(), name), map[string]string{"pack.yaml": "name: " + name + "\nversion: 1.0.0\n"})
		s.Builtin = append(s.Builtin, builtin)
		if err := s.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		equal(t, name, version(t, s, name), "1.0.0")
		from := files(t, filepath.Join(t.TempDir(), name), map[string]string{"pack.yaml": "name: " + name + "\nversion: 7.0.0\n"})
		install(t, s, from)
		equal(t, name, version(t, s, name), "7.0.0")
		if err := s.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		equal(t, name+" after a start", version(t, s, name), "7.0.0")
	}
	core := files(t, filepath.Join(t.TempDir(), "core"), map[string]string{"pack.yaml": "name: core\nversion: 7.0.0\n"})
	if _, err := s.Install(t.Context(), core, content.InstallOptions{}); squall.KindOf(err) != squall.Conflict {
		t.Errorf("core: %v", err)
	}
}
