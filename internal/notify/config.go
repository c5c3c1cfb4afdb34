package notify

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"
)

// Config says whom to tell.
type Config struct {
	Sinks  map[string]SinkConfig `yaml:"sinks"`
	Routes []Route               `yaml:"routes"`
}

// Route leads from a name in a notify section to sinks.
type Route struct {
	Route string   `yaml:"route"` // a name, or a pattern such as team-*
	Sinks []string `yaml:"sinks"`
}

// SinkConfig is where messages go.
type SinkConfig struct {
	Type string `yaml:"type"` // log, email or webhook

	// Of mail.
	Host     string   `yaml:"host"`
	Port     int      `yaml:"port"` // default: 587, 465 with tls
	TLS      string   `yaml:"tls"`  // starttls (default), tls or none
	CA       string   `yaml:"ca"`   // a file with certificates to trust beside the system's
	User     string   `yaml:"user"`
	Password string   `yaml:"password"`
	From     string   `yaml:"from"`
	To       []string `yaml:"to"`

	// Of webhooks.
	URL     string            `yaml:"url"`
	Headers map[string]string `yaml:"headers"`
	Secret  string            `yaml:"secret"` // signs the body, as ours are

	// Templates; see Message. Default: the message, or the text that the notice's data
	// has as "text" (and the page it has as "html"), and how the execution ended.
	Subject string `yaml:"subject"`
	Body    string `yaml:"body"`

	// Digest: more than so many messages that wait for this sink are told in one.
	// 0: each by itself.
	Digest  int           `yaml:"digest"`
	Timeout time.Duration `yaml:"timeout"` // of one delivery; default 30 s
}

// ReadConfig reads a configuration in YAML. All that is wrong is told at once.
func ReadConfig(text []byte) (*Config, error) {
	var c Config
	dec := yaml.NewDecoder(newReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(&c); err != nil && len(text) > 0 {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	var problems []error
	for name, s := range c.Sinks {
		if err := s.check(); err != nil {
			problems = append(problems, fmt.Errorf("sink %s: %w", name, err))
		}
	}
	for _, r := range c.Routes {
		if _, err := path.Match(r.Route, ""); err != nil || r.Route == "" {
			problems = append(problems, fmt.Errorf("route %q is neither a name nor a pattern", r.Route))
		}
		for _, s := range r.Sinks {
			if _, ok := c.Sinks[s]; !ok {
				problems = append(problems, fmt.Errorf("route %s: there is no sink %s", r.Route, s))
			}
		}
	}
	slices.SortFunc(problems, func(a, b error) int { return compare(a.Error(), b.Error()) })
	return &c, errors.Join(problems...)
}

func (s *SinkConfig) check() error {
	switch {
	case s.Type == "log":
	case s.Type == "email" && (s.Host == "" || s.From == "" || len(s.To) == 0):
		return errors.New("mail needs host, from and to")
	case s.Type == "email" && !slices.Contains([]string{"", "starttls", "tls", "none"}, s.TLS):
		return fmt.Errorf("tls: %q is none of starttls, tls, none", s.TLS)
	case s.Type == "email":
	case s.Type == "webhook" && s.URL == "":
		return errors.New("a webhook needs an url")
	case s.Type == "webhook":
	default:
		return fmt.Errorf("there is no type %q: log, email and webhook", s.Type)
	}
	return nil
}

// sinksOf returns the sinks that a route leads to, each once.
func (c *Config) sinksOf(route string) (sinks []string) {
	for _, r := range c.Routes {
		if ok, err := path.Match(r.Route, route); err != nil || !ok {
			continue
		}
		for _, s := range r.Sinks {
			if !slices.Contains(sinks, s) {
				sinks = append(sinks, s)
			}
		}
	}
	return sinks
}
