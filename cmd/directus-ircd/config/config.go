// Package config reads the configuration file: its types are the accepted keys, and
// Load returns a configuration that is valid in itself, or every fault of the file with
// its line and what to do. Whether the rest of the world is as it says, such as
// Directus and the ports, others find out. What each of the packages of the daemon
// needs of it package main picks.
//
// It imports the names and formats of ircd, and nothing else of this program.
package config

import (
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"
	_ "time/tzdata" // where the system has none

	"golang.org/x/crypto/acme/autocert"
)

// Example is the file that stands at the top of the source tree. Embedding
// reaches no further than this folder, so a copy lies here and a test holds the
// two equal.
//
//go:generate cp ../../../config.example.yaml config.example.yaml
//go:embed config.example.yaml
var Example string

// Config is the configuration file. The yaml tags are the accepted keys.
type Config struct {
	// File is where it was read from; empty if it was made by the program.
	File string `yaml:"-"`

	Directus Directus   `yaml:"directus"`
	Server   Server     `yaml:"server"`
	Listen   []Listener `yaml:"listen"`
	ACME     ACME       `yaml:"acme"`
	Login    Login      `yaml:"login"`
	Channels []Channel  `yaml:"channels"`
	Private  Private    `yaml:"private"`
	Markers  Markers    `yaml:"read_markers"`
	Edits    Edits      `yaml:"edits"`
	Resume   Resume     `yaml:"resume"`
	// Nick names the author fields that form a nick, in this order.
	Nick    []string `yaml:"nick"`
	Limits  Limits   `yaml:"limits"`
	Log     Log      `yaml:"log"`
	Metrics Metrics  `yaml:"metrics"`
}

// Directus is where it is, and what about it cannot be asked.
type Directus struct {
	URL string `yaml:"url"`
	// PublicURL is the base of links that people are shown; URL if empty.
	PublicURL string `yaml:"public_url"`
	// Timezone is the name of that in which Directus writes dateTime fields.
	Timezone string `yaml:"timezone"`
	// Recheck is how long it may take until a lost right is honoured.
	Recheck Duration `yaml:"recheck"`
	// ShareFeeds lets people be served by one reading who may read the same.
	ShareFeeds bool `yaml:"share_feeds"`
}

// Zone is the timezone, which is valid.
func (c Directus) Zone() *time.Location {
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// Server is what the server tells of itself.
type Server struct {
	Name    string `yaml:"name"`
	Network string `yaml:"network"`
	MOTD    string `yaml:"motd"`
	// Admin are the lines of ADMIN.
	Admin []string `yaml:"admin"`
	// LineLength is how long a line of a client may be.
	LineLength int `yaml:"line_length"`
}

// Login says how people log in.
type Login struct {
	EmailTemplate string `yaml:"email_template"`
}

// Limits holds limits of which 0 means none.
type Limits struct {
	Connections           int      `yaml:"connections"`
	ConnectionsPerAddress int      `yaml:"connections_per_address"`
	RegistrationTimeout   Duration `yaml:"registration_timeout"`
	PingTimeout           Duration `yaml:"ping_timeout"`
	LoginAttempts         int      `yaml:"login_attempts_per_minute"`
	LinesPerSecond        float64  `yaml:"lines_per_second"`
	Burst                 int      `yaml:"burst"`
	SendQueue             size     `yaml:"send_queue"`
	// Memory is what the daemon shall use; 0: a share of what there is.
	Memory size `yaml:"memory"`
}

// Log says what is logged, and in which form.
type Log struct {
	Level  logLevel  `yaml:"level"`
	Format logFormat `yaml:"format"`
}

// Metrics says where the daemon can be monitored; an empty address: nowhere.
type Metrics struct {
	Address string `yaml:"address"`
}

// Default is what a file says that sets nothing. The URL of Directus has
// no default, so it does not pass validation yet.
func Default() *Config {
	channel := Channel{}
	channel.SetDefaults()
	channel.Name = "#messages"
	return &Config{
		Directus: Directus{Timezone: "UTC", Recheck: Duration(5 * time.Minute), ShareFeeds: true},
		Server:   Server{Name: defaultServerName(), Network: "Directus", LineLength: 512},
		Listen:   []Listener{{Address: "127.0.0.1:6667"}},
		ACME:     ACME{Directory: autocert.DefaultACMEDirectory},
		Channels: []Channel{channel},
		Private:  Private{Backlog: 20, Format: "plain"},
		Edits:    Edits{Show: true, DeleteNotice: true},
		Resume:   defaultResume(),
		Nick:     []string{"first_name", "last_name"},
		Limits: Limits{
			Connections:           10000,
			ConnectionsPerAddress: 50,
			RegistrationTimeout:   Duration(time.Minute),
			PingTimeout:           Duration(4 * time.Minute),
			LoginAttempts:         10,
			LinesPerSecond:        10,
			Burst:                 50,
			SendQueue:             1 << 20,
		},
		Log: Log{Level: "info", Format: "console"},
	}
}

// defaultServerName is the host name in the form that IRC wants: with a dot,
// which is how clients tell a server from a person (RFC 2812, 2.3.1).
func defaultServerName() string {
	host, err := os.Hostname()
	if err != nil {
		return "irc.local"
	}
	host = strings.Trim(strings.Map(func(r rune) rune {
		if isHostRune(r) {
			return r
		}
		return '-'
	}, host), "-.")
	if len(host) > maxServerName-len(".local") {
		host, _, _ = strings.Cut(host, ".")
	}
	switch {
	case host == "" || len(host) > maxServerName-len(".local"):
		return "irc.local"
	case !strings.Contains(host, "."):
		return host + ".local"
	}
	return host
}

// Error is a mistake in the configuration.
type Error struct{ Err error }

func (e Error) Error() string { return e.Err.Error() }
func (e Error) Unwrap() error { return e.Err }

// Load reads and validates a file. An error is an Error that lists
// every fault of the file, one a line, each with its place.
func Load(file string) (*Config, error) {
	text, err := ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, Error{fmt.Errorf("there is no configuration file %s: write one with \"directus-ircd config > %[1]s\" or name another with --config", file)}
	}
	if err != nil {
		return nil, Error{fmt.Errorf("read the configuration: %w", err)}
	}
	return Parse(file, text)
}

// Parse reads and validates the text of a file; the name serves its
// error messages.
func Parse(file string, text []byte) (*Config, error) {
	cfg := Default()
	cfg.File = file
	d := newDecoder(file)
	d.document(text, cfg)
	if d.readable {
		validate(cfg, d)
	}
	if err := d.err(); err != nil {
		return nil, Error{err}
	}
	return cfg, nil
}

// PlainListeners names the listeners that carry passwords in clear text beyond
// this machine. Of the sockets that systemd passes nothing is known before.
func (c *Config) PlainListeners() []string {
	var exposed []string
	for _, l := range c.Listen {
		if network, _ := l.Split(); network == networkTCP && !l.TLS.Enabled() && !IsLoopback(l.Address) {
			exposed = append(exposed, l.Address)
		}
	}
	return exposed
}

// IsLoopback reports whether only this machine reaches an address, host:port.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
