package app

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"squall/internal/lifecycle"
	"squall/internal/runner/python"
	pylib "squall/python"
)

// PythonConfig is how actions written in Python run, and how the environments of
// their packs are made.
type PythonConfig struct {
	Path         string
	Warm         bool
	Preload      []string
	Idle         time.Duration
	Memory       int64
	PackLib      bool
	Installer    string
	Index        string
	Wheels       string
	SitePackages bool
}

func defaultPython() PythonConfig {
	return PythonConfig{Path: "python3", Warm: true, Installer: "auto", Idle: 10 * time.Minute, SitePackages: true}
}

func (c *PythonConfig) options() []option {
	return []option{
		{key: "python.path", value: (*textValue)(&c.Path), help: "Python that packs without requirements run with, and that environments of packs are made from", check: notEmpty(&c.Path)},
		{key: "python.warm", value: (*boolValue)(&c.Warm), help: "keep a Python per environment from which actions are forked"},
		{key: "python.preload", value: (*listValue)(&c.Preload), help: "modules such a Python imports beside the usual ones; they must not start threads"},
		{key: "python.idle", value: (*durationValue)(&c.Idle), help: "how long such a Python waits for an action before it ends", check: func() error {
			if c.Idle < time.Second {
				return errors.New("must be at least 1s")
			}
			return nil
		}},
		{key: "python.memory", value: (*sizeValue)(&c.Memory), help: "address space an action may use; 0B: no limit"},
		{key: "python.pack_lib", value: (*boolValue)(&c.PackLib), help: "make the directory lib of packs importable (StackStorm: enable_common_libs)"},
		{key: "python.installer", value: (*textValue)(&c.Installer), help: "pip, uv or auto: uv where it is there and packs do not see the system's packages, pip otherwise", check: oneOf(&c.Installer, "auto", "pip", "uv")},
		{key: "python.index", value: (*textValue)(&c.Index), help: "address of the index that requirements of packs are installed from; none: only from python.wheels; empty: what pip or uv are configured with"},
		{key: "python.wheels", value: (*textValue)(&c.Wheels), help: "directory of wheels that requirements are looked for in first"},
		{key: "python.site_packages", value: (*boolValue)(&c.SitePackages), help: "let environments of packs see what is installed for python.path, so that requests, PyYAML or six come from the system"},
	}
}

// openPython lays out the library of Python actions. Python itself is looked for
// when the first action runs: a server without it runs everything else.
func (s *server) openPython(svc *lifecycle.Service) error {
	c := s.config.Python
	lib, err := pylib.Unpack(filepath.Join(s.config.Server.Data, "python"))
	if err != nil {
		return err
	}
	s.pythonLib = lib
	s.python, err = python.New(python.Config{
		Lib: lib, Python: c.Path, Environments: s.config.virtualenvs(), Versions: filepath.Join(s.config.Server.Data, "versions"),
		PackConfig: svc.PackConfig, PackPaths: s.packDirs, PackLibs: c.PackLib,
		Keep: s.keep, KeepFor: s.config.Scheduler.KeepFor,
		Cold: !c.Warm, Preload: c.Preload, Idle: c.Idle, Memory: c.Memory,
		OutputLimit: int(s.config.Scheduler.OutputLimit), Log: s.log.With("part", "python"),
	})
	if err != nil {
		return fmt.Errorf("runner python-script: %w", err)
	}
	s.atEnd(s.python.Close)
	if _, err := exec.LookPath(c.Path); err != nil {
		s.log.Warn("there is no Python: actions written in it will fail", "python_path", c.Path)
	}
	return nil
}

// virtualenvs holds the environments of packs.
func (c *Config) virtualenvs() string { return filepath.Join(c.Server.Data, "virtualenvs") }

// packDirs are the directories that hold packs, the installed ones first, the
// built-in ones last.
func (s *server) packDirs() []string {
	dirs := append([]string{s.packs.Dir}, s.packs.Dirs...)
	return append(dirs, filepath.Join(s.config.Server.Data, "builtin"))
}
