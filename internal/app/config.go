package app

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Config is the configuration of a server or worker. The zero value is not
// useful: start from DefaultConfig.
type Config struct {
	Server struct {
		Data            string
		Keyring         string
		Listen          string
		URL             string
		St2Ports        []int
		ShutdownTimeout time.Duration
	}
	Database struct {
		URL string
	}
	Auth struct {
		TokenTTL    time.Duration
		TokenMaxTTL time.Duration
	}
	Secrets struct {
		FileDir        string
		VaultAddress   string
		VaultTokenFile string
		VaultNamespace string
		VaultCAFile    string
	}
	// Keeper is the command line of this program as the keeper of local actions;
	// empty (in tests, where the program is another one): there is none.
	Keeper []string
	Access AccessConfig
	Login  LoginConfig
	SSH    SSHConfig
	Local  struct {
		User string
	}
	Python    PythonConfig
	Sensors   SensorsConfig
	Scheduler struct {
		Node        string
		Slots       int
		Queues      []string
		LeaseTTL    time.Duration
		Heartbeat   time.Duration
		Poll        time.Duration
		OutputLimit int64
		Labels      []string
		OnlyLabels  bool
		LabelLimits []string
		KeepRuns    bool
		KeepFor     time.Duration
	}
	Expressions struct {
		Reevaluate bool
	}
	Notify struct {
		File string
	}
	Retention struct {
		Executions time.Duration
		Events     time.Duration
	}
	Packs struct {
		Dirs  []string
		Index string
		Watch bool
	}
	API struct {
		MaxPageSize int
		MaxBody     int64
	}
	Log struct {
		Level  string
		Format string
	}
	Metrics struct {
		Public bool
	}
	Tracing struct {
		Endpoint string
		Ratio    float64
	}
}

// DefaultConfig returns the configuration of a server started without any: it
// runs on the embedded database and answers on loopback only.
func DefaultConfig() *Config {
	c := &Config{Access: defaultAccess(), Login: defaultLogin(), SSH: defaultSSH(), Python: defaultPython(), Sensors: defaultSensors()}
	c.Server.Data = defaultDataDir()
	c.Server.Listen = "127.0.0.1:9101"
	c.Server.ShutdownTimeout = 30 * time.Second
	c.Auth.TokenTTL = 24 * time.Hour
	c.Auth.TokenMaxTTL = 30 * 24 * time.Hour
	c.Scheduler.Slots = max(16, 8*runtime.NumCPU())
	c.Scheduler.LeaseTTL = 20 * time.Second
	c.Scheduler.Heartbeat = 5 * time.Second
	c.Scheduler.Poll = time.Second
	c.Scheduler.OutputLimit = 10 << 20
	c.Scheduler.KeepRuns = true
	c.Scheduler.KeepFor = 5 * time.Minute
	c.Expressions.Reevaluate = true
	c.Retention.Executions = 90 * 24 * time.Hour
	c.Retention.Events = 7 * 24 * time.Hour
	c.API.MaxPageSize = 100
	c.API.MaxBody = 32 << 20
	c.Log.Level = "info"
	c.Log.Format = "text"
	c.Tracing.Ratio = 1
	return c
}

// defaultDataDir is where a service keeps its state when root starts it, and a
// place in the home directory for everybody else.
func defaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/squall"
	}
	if dir := os.Getenv("XDG_DATA_HOME"); dir != "" {
		return filepath.Join(dir, "squall")
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "share", "squall")
	}
	return "squall-data"
}

// options is the one list of configuration keys: name, place, meaning, check.
func (c *Config) options() []option {
	positive := func(d time.Duration) error {
		if d <= 0 {
			return errors.New("must be longer than 0s")
		}
		return nil
	}
	return append([]option{
		{key: "server.data", value: (*textValue)(&c.Server.Data), help: "directory of the embedded database, the admin password and the keys", check: notEmpty(&c.Server.Data)},
		{key: "server.keyring", value: (*textValue)(&c.Server.Keyring), help: "file with the keys that secrets are encrypted with, the same on every node of a cluster; empty: keyring in server.data"},
		{key: "server.listen", value: (*textValue)(&c.Server.Listen), help: "address and port of the API", check: func() error { return checkListen(c.Server.Listen) }},
		{key: "server.url", value: (*textValue)(&c.Server.URL), help: "address under which actions and users reach the API; empty: http:// and server.listen"},
		{key: "server.st2_ports", value: (*portsValue)(&c.Server.St2Ports), help: "true: answer also on 127.0.0.1:9100, 9101 and 9102, where StackStorm's services do; or three other ports"},
		{key: "server.shutdown_timeout", value: (*durationValue)(&c.Server.ShutdownTimeout), help: "how long an orderly stop waits for running actions before it cancels them", check: func() error { return positive(c.Server.ShutdownTimeout) }},
		{key: "database.url", value: (*textValue)(&c.Database.URL), secret: true, help: "postgres://user:password@host/name of a PostgreSQL database; empty: embedded SQLite in server.data", check: func() error { return checkDatabase(c.Database.URL) }},
		{key: "auth.token_ttl", value: (*durationValue)(&c.Auth.TokenTTL), help: "life of a token when the client does not ask for another", check: func() error { return positive(c.Auth.TokenTTL) }},
		{key: "auth.token_max_ttl", value: (*durationValue)(&c.Auth.TokenMaxTTL), help: "longest life a client may ask for", check: func() error {
			if c.Auth.TokenMaxTTL < c.Auth.TokenTTL {
				return fmt.Errorf("must not be shorter than auth.token_ttl (%s)", c.Auth.TokenTTL)
			}
			return nil
		}},
		{key: "secrets.file_dir", value: (*textValue)(&c.Secrets.FileDir), help: "directory of the files that secret:file:NAME reads; empty: none"},
		{key: "secrets.vault_address", value: (*textValue)(&c.Secrets.VaultAddress), help: "address of the Vault that secret:vault:MOUNT/PATH#FIELD reads; empty: none"},
		{key: "secrets.vault_token_file", value: (*textValue)(&c.Secrets.VaultTokenFile), help: "file with the token for Vault, read anew for every secret"},
		{key: "secrets.vault_namespace", value: (*textValue)(&c.Secrets.VaultNamespace), help: "namespace in Vault"},
		{key: "secrets.vault_ca_file", value: (*textValue)(&c.Secrets.VaultCAFile), help: "certificates (PEM) that Vault's is checked against; empty: the system's"},
		{key: "scheduler.node", value: (*textValue)(&c.Scheduler.Node), help: "name of this node, unique in the cluster; empty: the host name, on PostgreSQL with the port of server.listen"},
		{key: "scheduler.slots", value: (*intValue)(&c.Scheduler.Slots), help: "how many actions run at once on this node", check: atLeast(&c.Scheduler.Slots, 1)},
		{key: "scheduler.queues", value: (*listValue)(&c.Scheduler.Queues), help: "queues this node serves beside the default one"},
		{key: "scheduler.lease_ttl", value: (*durationValue)(&c.Scheduler.LeaseTTL), help: "a node that is silent for so long has lost its actions", check: func() error {
			if c.Scheduler.LeaseTTL < 2*c.Scheduler.Heartbeat {
				return fmt.Errorf("must be at least twice scheduler.heartbeat (%s), or one late heartbeat loses the node", c.Scheduler.Heartbeat)
			}
			return nil
		}},
		{key: "scheduler.heartbeat", value: (*durationValue)(&c.Scheduler.Heartbeat), help: "how often the node renews its lease", check: func() error { return positive(c.Scheduler.Heartbeat) }},
		{key: "scheduler.poll", value: (*durationValue)(&c.Scheduler.Poll), help: "how often the node looks for work without being woken", check: func() error { return positive(c.Scheduler.Poll) }},
		{key: "local.user", value: (*textValue)(&c.Local.User), help: "user that commands and scripts on the server run as, through sudo, unless they ask for root (StackStorm: system_user.user); empty: the server's own"},
		{key: "scheduler.output_limit", value: (*sizeValue)(&c.Scheduler.OutputLimit), help: "bytes of output kept per execution; more is cut and marked", check: func() error {
			if c.Scheduler.OutputLimit < 4096 {
				return errors.New("must be at least 4KiB")
			}
			return nil
		}},
		{key: "scheduler.labels", value: (*listValue)(&c.Scheduler.Labels), help: "labels of this node, such as zone=dmz: it also runs actions that ask for some of them", check: func() error { return checkLabels(c.Scheduler.Labels) }},
		{key: "scheduler.only_labels", value: (*boolValue)(&c.Scheduler.OnlyLabels), help: "this node runs only actions that ask for one of its labels or queues"},
		{key: "scheduler.label_limits", value: (*listValue)(&c.Scheduler.LabelLimits), help: "how many actions that ask for a label run on this node at once, such as gpu=yes:2", check: func() error { _, err := labelLimits(c.Scheduler.LabelLimits); return err }},
		{key: "scheduler.keep_runs", value: (*boolValue)(&c.Scheduler.KeepRuns), help: "local actions go on while the server is restarted or upgraded, in a process of their own"},
		{key: "scheduler.keep_for", value: (*durationValue)(&c.Scheduler.KeepFor), help: "how long other nodes wait for a node to come back for its local, Python and detached remote actions before they are abandoned or started again"},
		{key: "expressions.reevaluate", value: (*boolValue)(&c.Expressions.Reevaluate), help: "in workflows, evaluate texts that came out of data again when they look like expressions, as StackStorm does"},
		{key: "notify.file", value: (*textValue)(&c.Notify.File), help: "YAML file with the sinks and routes of notifications; empty: nobody is told"},
		{key: "retention.executions", value: (*durationValue)(&c.Retention.Executions), help: "how long finished executions are kept; 0s: for ever"},
		{key: "retention.events", value: (*durationValue)(&c.Retention.Events), help: "how long stream events are kept for clients that reconnect", check: func() error { return positive(c.Retention.Events) }},
		{key: "packs.dirs", value: (*listValue)(&c.Packs.Dirs), help: "directories whose sub-directories are packs"},
		{key: "packs.watch", value: (*boolValue)(&c.Packs.Watch), help: "register packs by themselves when their files change"},
		{key: "packs.index", value: (*textValue)(&c.Packs.Index), help: "JSON file with the packs that can be installed by name; empty: none"},
		{key: "api.max_page_size", value: (*intValue)(&c.API.MaxPageSize), help: "largest limit of a list", check: atLeast(&c.API.MaxPageSize, 1)},
		{key: "api.max_body", value: (*sizeValue)(&c.API.MaxBody), help: "largest request body", check: func() error {
			if c.API.MaxBody < 1024 {
				return errors.New("must be at least 1KiB")
			}
			return nil
		}},
		{key: "log.level", value: (*textValue)(&c.Log.Level), help: "debug, info, warn or error", check: oneOf(&c.Log.Level, "debug", "info", "warn", "error")},
		{key: "log.format", value: (*textValue)(&c.Log.Format), help: "text or json", check: oneOf(&c.Log.Format, "text", "json")},
		{key: "metrics.public", value: (*boolValue)(&c.Metrics.Public), help: "answer /metrics without a token also to clients that are not on this machine"},
		{key: "tracing.endpoint", value: (*textValue)(&c.Tracing.Endpoint), help: "http(s) address of an OpenTelemetry collector (OTLP over HTTP); empty: no tracing"},
		{key: "tracing.ratio", value: (*ratioValue)(&c.Tracing.Ratio), help: "share of requests that are traced, 0 to 1"},
	}, slices.Concat(c.Access.options(), c.Login.options(), c.SSH.options(), c.Python.options(), c.Sensors.options())...)
}

func notEmpty(s *string) func() error {
	return func() error {
		if strings.TrimSpace(*s) == "" {
			return errors.New("must not be empty")
		}
		return nil
	}
}

func atLeast(n *int, least int) func() error {
	return func() error {
		if *n < least {
			return fmt.Errorf("must be at least %d", least)
		}
		return nil
	}
}

func oneOf(s *string, words ...string) func() error {
	return func() error {
		for _, w := range words {
			if *s == w {
				return nil
			}
		}
		return fmt.Errorf("%q is not one of %s", *s, strings.Join(words, ", "))
	}
}

func checkListen(addr string) error {
	if _, _, err := net.SplitHostPort(addr); err != nil {
		return fmt.Errorf("%q is not of the form host:port", addr)
	}
	return nil
}

func checkDatabase(url string) error {
	if url == "" || strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://") {
		return nil
	}
	return errors.New("must begin with postgres:// (leave it empty for the embedded database)")
}

// Problem is one thing wrong with the configuration.
type Problem struct {
	Source string // "squall.yaml:3:7", "environment SQUALL_SCHEDULER_SLOTS", "flag --listen"
	Key    string
	Msg    string
}

// Error returns "source: key: message".
func (p Problem) Error() string {
	if p.Key == "" {
		return p.Source + ": " + p.Msg
	}
	return p.Source + ": " + p.Key + ": " + p.Msg
}

// Sources says where LoadConfig looks, beside the defaults; later ones win.
type Sources struct {
	File  string                      // path of a YAML file; empty: DefaultConfigFile when it exists
	Env   func(string) (string, bool) // os.LookupEnv
	Flags map[string]string           // by key: "server.listen"
}

// DefaultConfigFile is read when no file is named.
const DefaultConfigFile = "/etc/squall/squall.yaml"

// LoadConfig puts the configuration together: defaults, file, environment
// (SQUALL_SCHEDULER_SLOTS for scheduler.slots), flags. The error joins every
// Problem found, in the order of the sources.
func LoadConfig(src Sources) (*Config, []Setting, error) {
	c := DefaultConfig()
	l := &loader{options: c.options(), origins: map[string]string{}}

	path := src.File
	if path == "" {
		if _, err := os.Stat(DefaultConfigFile); err == nil {
			path = DefaultConfigFile
		}
	}
	if path != "" {
		text, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			l.problem(path, "", "there is no such file")
		case err != nil:
			l.problem(path, "", err.Error())
		default:
			l.file(path, text)
		}
	}
	if src.Env != nil {
		l.environment(src.Env)
	}
	l.flags(src.Flags)
	l.check()
	return c, l.settings(), errors.Join(l.problems...)
}

// PublicURL is the address under which the API is reached from this machine.
func (c *Config) PublicURL() string {
	if c.Server.URL != "" {
		return strings.TrimRight(c.Server.URL, "/")
	}
	host, port, _ := net.SplitHostPort(c.Server.Listen)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	scheme := "http://"
	if c.Access.TLSCert != "" {
		scheme = "https://"
	}
	return scheme + net.JoinHostPort(host, port)
}

// NodeName is the name under which this process joins the cluster. On PostgreSQL
// the port is part of the default, so that two nodes on one host do not take
// each other's lease; an embedded database has one node only, which must know
// its own executions again after a restart on another port.
func (c *Config) NodeName() string {
	if c.Scheduler.Node != "" {
		return c.Scheduler.Node
	}
	host, err := os.Hostname()
	if err != nil {
		host = "node"
	}
	if c.Database.URL == "" {
		return host
	}
	_, port, _ := net.SplitHostPort(c.Server.Listen)
	return host + ":" + port
}
