package app

import (
	"fmt"
	"path"
	"path/filepath"
	"time"

	"squall/internal/runner/remote"
	"squall/internal/runner/ssh"
)

// SSHConfig is how actions reach other machines.
type SSHConfig struct {
	User           string
	KeyFiles       []string
	Agent          string
	ConfigFiles    []string
	HostKeys       string
	KnownHosts     []string
	ConnectTimeout time.Duration
	Idle           time.Duration
	Parallel       int
	PartialFailure bool
	DetachDir      string
	DetachAway     time.Duration
}

func defaultSSH() SSHConfig {
	return SSHConfig{HostKeys: string(ssh.Strict), ConnectTimeout: 10 * time.Second, Idle: 5 * time.Minute, Parallel: 50, DetachDir: "/var/tmp", DetachAway: time.Hour}
}

func (c *SSHConfig) options() []option {
	return []option{
		{key: "ssh.user", value: (*textValue)(&c.User), help: "user that remote actions log in as when neither they nor ssh_config name one; empty: the server's own"},
		{key: "ssh.key_files", value: (*listValue)(&c.KeyFiles), help: "private keys that remote actions log in with when they bring nothing; empty: the usual ones in ~/.ssh"},
		{key: "ssh.agent", value: (*textValue)(&c.Agent), help: "socket of an SSH agent, or none; empty: SSH_AUTH_SOCK"},
		{key: "ssh.config_files", value: (*listValue)(&c.ConfigFiles), help: "files read like ~/.ssh/config; empty: that one and /etc/ssh/ssh_config"},
		{key: "ssh.host_keys", value: (*textValue)(&c.HostKeys), help: "strict: hosts must be known; accept-new: a new host's key is written down; ignore: no check, as in StackStorm", check: oneOf(&c.HostKeys, string(ssh.Strict), string(ssh.AcceptNew), string(ssh.Ignore))},
		{key: "ssh.known_hosts", value: (*listValue)(&c.KnownHosts), help: "files with the keys of hosts, new ones are written to the first; empty: known_hosts in server.data, ~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts"},
		{key: "ssh.connect_timeout", value: (*durationValue)(&c.ConnectTimeout), help: "how long a host may take to connect and log in", check: longEnough(&c.ConnectTimeout)},
		{key: "ssh.idle", value: (*durationValue)(&c.Idle), help: "how long a connection is kept that nobody uses", check: longEnough(&c.Idle)},
		{key: "ssh.parallel", value: (*intValue)(&c.Parallel), help: "how many hosts one action begins with at once; those that take longer than a second do not count", check: atLeast(&c.Parallel, 1)},
		{key: "ssh.allow_partial_failure", value: (*boolValue)(&c.PartialFailure), help: "a remote action succeeds when one of its hosts did (StackStorm: ssh_runner.allow_partial_failure)"},
		{key: "ssh.detach_dir", value: (*textValue)(&c.DetachDir), help: "directory of the hosts in which detached commands leave their output until it is fetched; it should outlive a restart of the host", check: absolute(&c.DetachDir)},
		{key: "ssh.detach_away", value: (*durationValue)(&c.DetachAway), help: "how long a host with a detached command may be out of reach before the command is given up", check: longEnough(&c.DetachAway)},
	}
}

func longEnough(d *time.Duration) func() error {
	return func() error {
		if *d < 100*time.Millisecond {
			return fmt.Errorf("must be at least 100ms")
		}
		return nil
	}
}

func absolute(name *string) func() error {
	return func() error {
		if !path.IsAbs(*name) {
			return fmt.Errorf("must be an absolute path")
		}
		return nil
	}
}

// openSSH makes the pool of connections to other machines. Nothing is connected yet.
func (s *server) openSSH() (err error) {
	c := s.config.SSH
	cfg := ssh.Config{
		User: c.User, KeyFiles: nonEmpty(c.KeyFiles), AgentSocket: c.Agent, ConfigFiles: nonEmpty(c.ConfigFiles),
		HostKeys: ssh.HostKeys(c.HostKeys), KnownHosts: nonEmpty(c.KnownHosts),
		ConnectTimeout: c.ConnectTimeout, Idle: c.Idle, Log: s.log.With("part", "ssh"),
	}
	if cfg.KnownHosts == nil {
		cfg.KnownHosts = []string{filepath.Join(s.config.Server.Data, "known_hosts"), "~/.ssh/known_hosts", "/etc/ssh/ssh_known_hosts"}
	}
	if s.ssh, err = ssh.New(cfg); err != nil {
		return fmt.Errorf("ssh: %w", err)
	}
	s.atEnd(s.ssh.Close)
	if s.keep == nil { // then nothing outlives this process
		return nil
	}
	s.detached, err = remote.OpenJournals(filepath.Join(s.config.Server.Data, "detached"), s.ssh, c.DetachDir, s.log.With("part", "ssh"))
	if err != nil {
		return err
	}
	s.atEnd(s.detached.Close)
	return nil
}

func (s *server) remoteConfig() remote.Config {
	return remote.Config{
		Parallel: s.config.SSH.Parallel, AllowPartialFailure: s.config.SSH.PartialFailure,
		OutputLimit: int(s.config.Scheduler.OutputLimit),
		Journals:    s.detached, DetachDir: s.config.SSH.DetachDir, Away: s.config.SSH.DetachAway,
	}
}

// nonEmpty is nil for an empty list, which stands for the default.
func nonEmpty(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return list
}
