// Package config reads the configuration file. Its types are the accepted keys. Load
// returns a configuration that is valid in itself, or every fault of the file with its
// line and what to do. Whether Directus and the ports are as configured, package check and
// the start of the daemon find out. Package main passes to each package what that needs.
//
// It imports the names and formats of ircd, and nothing else of this program.
package config

import (
	"crypto/tls"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
	_ "time/tzdata" // where the system has none

	"golang.org/x/crypto/acme/autocert"
)

// Example is a copy of config.example.yaml at the top of the source tree, because a file
// can only be embedded from this folder. A test holds the two equal.
//
//go:generate cp ../../../config.example.yaml config.example.yaml
//go:embed config.example.yaml
var Example string

// Config is the configuration file. The yaml tags are the accepted keys, and the tags accepts
// the only values of a key.
type Config struct {
	// File is the name of the file; empty for a configuration that the program made.
	File string `yaml:"-"`

	Directus Directus   `yaml:"directus"`
	Server   Server     `yaml:"server"`
	Listen   []Listener `yaml:"listen"`
	ACME     ACME       `yaml:"acme"`
	Login    Login      `yaml:"login"`
	Channels []Channel  `yaml:"channels"`
	Rooms    Rooms      `yaml:"rooms"`
	Private  Private    `yaml:"private"`
	Markers  Markers    `yaml:"read_markers"`
	Edits    Edits      `yaml:"edits"`
	Resume   Resume     `yaml:"resume"`
	// Nick names the fields of users that form a nick, in this order.
	Nick    []string `yaml:"nick"`
	Users   Users    `yaml:"users"`
	Limits  Limits   `yaml:"limits"`
	Log     Log      `yaml:"log"`
	Metrics Metrics  `yaml:"metrics"`
	Admin   Admin    `yaml:"admin"`
}

// Users says what else is taken of the users of Directus.
type Users struct {
	// Account is the field with the account name; empty: the account name is the nick.
	Account string `yaml:"account"`
}

// Directus says where Directus is, and what the daemon cannot find out by asking it.
type Directus struct {
	URL string `yaml:"url"`
	// PublicURL is the base of the links that users see; empty: URL.
	PublicURL string `yaml:"public_url"`
	// CA is a PEM file of authorities to trust beside those of the system; empty: none.
	CA string `yaml:"ca"`
	// ClientCertificate is what the daemon presents to Directus; the zero value: nothing.
	ClientCertificate KeyPair `yaml:"client_certificate"`
	// TLS is made of CA and ClientCertificate by LoadTLS; nil if neither is set.
	TLS *tls.Config `yaml:"-"`
	// Presented is the certificate in TLS; nil if there is none.
	Presented *tls.Certificate `yaml:"-"`
	// Timezone is the name of the time zone in which Directus writes dateTime fields.
	Timezone string `yaml:"timezone"`
	// Recheck is how often the daemon checks users and rights, and so how long a user keeps
	// a right that was taken away.
	Recheck Duration `yaml:"recheck"`
	// ShareFeeds lets users who may read the same share one read of Directus.
	ShareFeeds bool `yaml:"share_feeds"`
}

// Zone is the location of Timezone, which must be valid.
func (c Directus) Zone() *time.Location {
	zone, err := time.LoadLocation(c.Timezone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// Server is how the server presents itself to clients.
type Server struct {
	Name    string `yaml:"name"`
	Network string `yaml:"network"`
	MOTD    string `yaml:"motd"`
	// Admin are the lines of ADMIN.
	Admin []string `yaml:"admin"`
	// LineLength is the longest line of a client, in bytes.
	LineLength int `yaml:"line_length"`
}

// Login says how people log in.
type Login struct {
	// EmailTemplate makes an e-mail address of a nick, for Directus' own login.
	EmailTemplate string `yaml:"email_template"`
	// Provider is the one of Directus' AUTH_PROVIDERS that passwords are for; empty: its own
	// login.
	Provider string `yaml:"provider"`
	// IdentifierTemplate makes of a nick what Provider knows the user by.
	IdentifierTemplate string `yaml:"identifier_template"`
}

// Template is the one of the two templates that may be set.
func (l Login) Template() string { return l.EmailTemplate + l.IdentifierTemplate }

// Limits of the daemon. 0 means no limit, except for Memory.
type Limits struct {
	Connections           int      `yaml:"connections"`
	ConnectionsPerAddress int      `yaml:"connections_per_address"`
	RegistrationTimeout   Duration `yaml:"registration_timeout"`
	PingTimeout           Duration `yaml:"ping_timeout"`
	LoginAttempts         int      `yaml:"login_attempts_per_minute"`
	LinesPerSecond        float64  `yaml:"lines_per_second"`
	Burst                 int      `yaml:"burst"`
	SendQueue             size     `yaml:"send_queue"`
	// Memory limits the memory of the daemon, in bytes; 0: a share of what there is.
	Memory size `yaml:"memory"`
}

// Log says what is logged, and in which form.
type Log struct {
	Level  string `yaml:"level" accepts:"trace debug info warn error"`
	Format string `yaml:"format" accepts:"console json"`
}

// Metrics is the address at which the daemon serves metrics; empty: none.
type Metrics struct {
	Address string `yaml:"address"`
}

// Admin is the Unix socket at which the daemon answers its operator.
type Admin struct {
	Socket string   `yaml:"socket"` // its path; empty: see AdminSocket
	Mode   FileMode `yaml:"mode"`
}

// AdminSocket is the path of the socket for the operator, and whether the configuration
// names it. Without a name it is in the runtime directory of systemd; it is empty where
// there is none.
func (c *Config) AdminSocket() (path string, chosen bool) {
	if c.Admin.Socket != "" {
		return c.Admin.Socket, true
	}
	if runtime, _, _ := strings.Cut(os.Getenv("RUNTIME_DIRECTORY"), ":"); runtime != "" {
		return filepath.Join(runtime, adminSocket), false
	}
	return "", false
}

// DefaultAdminSocket is where the daemon answers that runs by the systemd unit.
const DefaultAdminSocket = "/run/directus-ircd/" + adminSocket

const adminSocket = "admin.sock"

// Default returns the configuration of an empty file. It is not valid, because the URL of
// Directus has no default.
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
		Rooms:    defaultRooms(),
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
		Log:   Log{Level: "info", Format: "console"},
		Admin: Admin{Mode: 0o600},
	}
}

// defaultServerName is the host name, with a dot added if it has none: by the dot, clients
// tell a server from a user (RFC 2812, section 2.3.1).
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

// Load reads and validates a file. Its error is an Error that lists all faults of the file,
// one on each line, with its place.
func Load(file string) (*Config, error) {
	text, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text)
}

// Glance reads a file without judging it, for a command that asks the running daemon: a
// mistake that was made in the file since does not matter to that. Its error is an Error:
// the file cannot be read at all.
func Glance(file string) (*Config, error) {
	text, err := readConfig(file)
	if err != nil {
		return nil, err
	}
	cfg := Default()
	cfg.File = file
	d := newDecoder(file)
	if d.document(text, cfg); !d.readable {
		return nil, Error{d.err()}
	}
	return cfg, nil
}

func readConfig(file string) ([]byte, error) {
	text, err := ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, Error{fmt.Errorf("there is no configuration file %s: write one with \"directus-ircd config > %[1]s\" or name another with --config", file)}
	}
	if err != nil {
		return nil, Error{fmt.Errorf("read the configuration: %w", err)}
	}
	return text, nil
}

// Parse decodes and validates the text of a file. Faults name the file by its name.
func Parse(file string, text []byte) (*Config, error) {
	cfg := Default()
	cfg.File = file
	d := newDecoder(file)
	d.document(text, cfg)
	if settleRooms(cfg); d.readable {
		validate(cfg, d)
	}
	if err := d.err(); err != nil {
		return nil, Error{err}
	}
	return cfg, nil
}

// PlainListeners returns the addresses of listeners without TLS that other machines can
// reach. It leaves out sockets of systemd, whose addresses are not known yet.
func (c *Config) PlainListeners() []string {
	var exposed []string
	for _, l := range c.Listen {
		if network, _ := l.Split(); network == networkTCP && !l.TLS.Enabled() && !IsLoopback(l.Address) {
			exposed = append(exposed, l.Address)
		}
	}
	return exposed
}

// IsLoopback reports whether only this machine can reach an address, host:port.
func IsLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
