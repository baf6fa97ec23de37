package config

import (
	"fmt"
	"math"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	// maxServerName is the longest server name (RFC 2812, 2.3.1).
	maxServerName = 63
	// maxBacklog limits the messages that a client gets when it joins to what one query of
	// Directus returns. Clients get older messages by CHATHISTORY.
	maxBacklog = 10000
	// The answer to ADMIN has three numerics of one line each (RFC 2812, section 3.4.9).
	maxAdminLines = 3
	maxAdminLine  = 400
	minLineLength = 512
	maxLineLength = 8192
	// A client has half of the ping timeout to answer a PING.
	minPingTimeout = 20 * time.Second
	// Each recheck makes a few requests to Directus for every connected user.
	minRecheck = 5 * time.Second
	maxRecheck = time.Hour
)

// validate notes the faults of a configuration that was decoded without faults.
func validate(cfg *Config, d *decoder) {
	validateDirectus(cfg, d)
	validateServer(cfg, d)
	validateListen(cfg, d)
	validateACME(cfg, d)
	validateLogin(cfg.Login, d)
	validateChannels(cfg, d)
	validateRooms(cfg, d)
	validateStores(cfg, d)
	validateResume(cfg, d)
	validateNick(cfg, d)
	validateLimits(cfg, d)
	validateAdmin(cfg, d)
	if a := cfg.Metrics.Address; a != "" {
		if err := checkAddress(a); err != nil {
			d.fault("metrics.address", "%s", err)
		}
		if slices.ContainsFunc(cfg.Listen, func(l Listener) bool { return sameAddress(l.Address, a) }) {
			d.fault("metrics.address", "%s is already the address of a listener: choose another port", a)
		}
		if sameAddress(cfg.ACME.HTTP, a) {
			d.fault("metrics.address", "%s is already the address of acme.http: choose another port", a)
		}
	}
}

func validateDirectus(cfg *Config, d *decoder) {
	if r := time.Duration(cfg.Directus.Recheck); r < minRecheck || r > maxRecheck {
		d.fault("directus.recheck", "%s must be a time span from %s to %s, such as 5m", r, minRecheck, maxRecheck)
	}
	if _, err := time.LoadLocation(cfg.Directus.Timezone); err != nil || cfg.Directus.Timezone == "" || cfg.Directus.Timezone == "Local" {
		d.fault("directus.timezone", "%q must be the name of a time zone, such as UTC or Europe/Berlin: the one that Directus runs in", cfg.Directus.Timezone)
	}
	const example = "write the address of your Directus, such as https://chat.example.com"
	if strings.TrimSpace(cfg.Directus.URL) == "" {
		d.fault("directus.url", "missing: %s", example)
		return
	}
	if err := CheckURL(cfg.Directus.URL); err != nil {
		d.fault("directus.url", "%s: %s", err, example)
	}
	cfg.Directus.LoadTLS(func(key string, err error) { d.fault("directus."+key, "%s", err) })
	if public := cfg.Directus.PublicURL; public != "" {
		if err := CheckURL(public); err != nil {
			d.fault("directus.public_url", "%s: write the address under which people reach Directus, such as https://chat.example.com, or leave the key out", err)
		}
	}
}

func validateLogin(l Login, d *decoder) {
	if t := l.EmailTemplate; t != "" && (strings.Count(t, "{nick}") != 1 || !strings.Contains(t, "@")) {
		d.fault("login.email_template", "%q must be an e-mail address with {nick} where the nick goes, such as \"{nick}@example.com\"", t)
	}
	if t := l.IdentifierTemplate; t != "" && strings.Count(t, "{nick}") != 1 {
		d.fault("login.identifier_template", "%q must have {nick} where the nick goes, and may be \"{nick}\" alone", t)
	}
	switch {
	case l.Provider == "" && l.IdentifierTemplate != "":
		d.fault("login.identifier_template", "is for the login.provider, and there is none: name the provider, or use login.email_template for Directus' own login")
	case l.Provider != "":
		validateName(l.Provider, "login.provider", "login provider of Directus", d)
		if l.EmailTemplate != "" {
			d.fault("login.email_template", "is for Directus' own login, but passwords go to the login.provider: use login.identifier_template instead")
		}
	}
}

// CheckURL checks the address of Directus. Its error does not quote the address, which may
// hold a password.
func CheckURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return fmt.Errorf("this is not an address")
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("the address must begin with https:// or http://")
	case u.Hostname() == "":
		return fmt.Errorf("the address names no host")
	case u.User != nil:
		return fmt.Errorf("the address must not hold a user name or password: everybody logs in with their own")
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("the address must not have a query or a fragment")
	}
	return nil
}

func validateServer(cfg *Config, d *decoder) {
	name := cfg.Server.Name
	switch {
	case !strings.Contains(name, ".") || strings.Trim(name, ".-") != name || strings.Contains(name, ".."):
		d.fault("server.name", "%q must be a host name with a dot, such as irc.example.com: by the dot, clients tell a server from a user", name)
	case strings.ContainsFunc(name, func(r rune) bool { return !isHostRune(r) }):
		d.fault("server.name", "%q must be a host name: letters, digits, dots and hyphens only", name)
	case len(name) > maxServerName:
		d.fault("server.name", "longer than %d characters", maxServerName)
	}
	if n := cfg.Server.Network; n == "" || len(n) > 64 || strings.ContainsFunc(n, unicode.IsControl) {
		d.fault("server.network", "%q must be a short name, of 1 to 64 bytes", n)
	}
	if len(cfg.Server.Admin) > maxAdminLines {
		d.fault("server.admin", "%d lines, but ADMIN has %d at most: the place, the organisation, and how to reach somebody", len(cfg.Server.Admin), maxAdminLines)
	}
	for i, text := range cfg.Server.Admin {
		if text == "" || len(text) > maxAdminLine || strings.ContainsFunc(text, unicode.IsControl) {
			d.fault(fmt.Sprintf("server.admin[%d]", i), "%q must be one line, of 1 to %d bytes", text, maxAdminLine)
		}
	}
	if n := cfg.Server.LineLength; n < minLineLength || n > maxLineLength {
		d.fault("server.line_length", "%d must be a number of bytes from %d to %d", n, minLineLength, maxLineLength)
	}
}

func isHostRune(r rune) bool {
	return r == '.' || r == '-' || r < 128 && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// checkAddress checks the host:port of a listener. An empty host means every address of the
// machine, and port 0 a port that the system chooses.
func checkAddress(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("%q is not an address to listen on: write host:port, such as 127.0.0.1:6667, [::1]:6667, or :6697 for every address of the machine", address)
	}
	return nil
}

// sameAddress reports whether two listeners would conflict. With port 0 they do not, because
// the system chooses a different port for each.
func sameAddress(a, b string) bool { return a == b && !strings.HasSuffix(a, ":0") }

func validateName(name, path, what string, d *decoder) {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-'
	}) {
		d.fault(path, "%q is not a name of a %s: use only letters, digits, _ and -", name, what)
	}
}

func validateNick(cfg *Config, d *decoder) {
	if len(cfg.Nick) == 0 {
		d.fault("nick", "empty: name at least one field of the users, such as [first_name, last_name]")
	}
	for i, f := range cfg.Nick {
		validateShown(f, fmt.Sprintf("nick[%d]", i), "a name, such as first_name", d)
	}
	if f := cfg.Users.Account; f != "" {
		validateShown(f, "users.account", "account names, which are unique and which users cannot change", d)
	}
}

// validateShown checks the name of a field of the users that others are shown.
func validateShown(field, path, with string, d *decoder) {
	validateName(field, path, "field", d)
	if slices.Contains([]string{"email", "password", "token", "tfa_secret"}, field) {
		d.fault(path, "%q must not be shown to others: choose a field with %s", field, with)
	}
}

func validateLimits(cfg *Config, d *decoder) {
	l := cfg.Limits
	for _, n := range []struct {
		key   string
		value int
	}{
		{"connections", l.Connections},
		{"connections_per_address", l.ConnectionsPerAddress},
		{"login_attempts_per_minute", l.LoginAttempts},
		{"burst", l.Burst},
	} {
		if n.value < 0 {
			d.fault("limits."+n.key, "%d is below 0: write 0 for no limit", n.value)
		}
	}
	if v := l.LinesPerSecond; v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		d.fault("limits.lines_per_second", "%v is not a rate: write a number of lines, or 0 for no limit", v)
	}
	if v := time.Duration(l.PingTimeout); v > 0 && v < minPingTimeout {
		d.fault("limits.ping_timeout", "%s is too short for a client on a slow line: write %s or more, or 0 for no limit", v, minPingTimeout)
	}
	if v := l.SendQueue; v > 0 && v < 64<<10 {
		d.fault("limits.send_queue", "%d bytes are too few for a backlog: write 64KiB or more, or 0 for no limit", v)
	}
	if v := l.Memory; v > 0 && v < leastMemory {
		d.fault("limits.memory", "%d bytes are too few for the daemon: write 32MiB or more, or 0 for a share of the memory of the machine or cgroup", v)
	}
}
