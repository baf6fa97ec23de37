package config

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// Listener is an address to listen on, and what connections to it are like.
type Listener struct {
	Address        string        `yaml:"address"`
	Mode           FileMode      `yaml:"mode"`
	TLS            TLS           `yaml:"tls"`
	STS            *STS          `yaml:"sts"`
	WebSocket      webSocketMode `yaml:"websocket"`
	AllowedOrigins []string      `yaml:"allowed_origins"`
	ProxyProtocol  []string      `yaml:"proxy_protocol"`
}

// TLS says where the certificate comes from. The zero value means no TLS.
type TLS struct {
	// Cert and Key are PEM files.
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
	// ACME means that the certificate is obtained by ACME, not read from files.
	ACME bool `yaml:"acme"`
}

// Enabled reports whether connections begin with TLS.
func (t TLS) Enabled() bool { return t.Cert != "" || t.ACME }

// Pair reads the certificate and its key.
func (t TLS) Pair() (*tls.Certificate, error) { return KeyPair{t.Cert, t.Key}.load() }

// STS is the policy that the IRCv3 capability sts announces: the port on plain listeners,
// the duration on listeners with TLS.
type STS struct {
	Port     int      `yaml:"port"`
	Duration Duration `yaml:"duration"`
}

// ACME says for which hosts and from which authority certificates are obtained.
type ACME struct {
	Domains   []string `yaml:"domains"`
	Directory string   `yaml:"directory"`
	// HTTP is the address at which http-01 challenges are answered; empty: none.
	HTTP string `yaml:"http"`
}

// The kinds of addresses to listen on.
const (
	networkTCP     = "tcp"
	NetworkUnix    = "unix"
	NetworkSystemd = "systemd"
)

// Split splits an address into its kind and the rest: host:port, the path of a Unix socket, or
// the name of a socket that systemd passes (empty for all sockets without an entry of their own).
func (l Listener) Split() (network, address string) {
	if path, ok := strings.CutPrefix(l.Address, "unix:"); ok {
		return NetworkUnix, path
	}
	if name, ok := strings.CutPrefix(l.Address, "systemd:"); ok {
		return NetworkSystemd, name
	}
	if l.Address == "systemd" {
		return NetworkSystemd, ""
	}
	return networkTCP, l.Address
}

func validateListen(cfg *Config, d *decoder) {
	if len(cfg.Listen) == 0 {
		d.fault("listen", "empty: write at least one listener, such as - address: 127.0.0.1:6667, or leave the key out")
	}
	for i, l := range cfg.Listen {
		path := fmt.Sprintf("listen[%d]", i)
		if err := checkListenAddress(l); err != nil {
			d.fault(path+".address", "%s", err)
		}
		if slices.ContainsFunc(cfg.Listen[:i], func(o Listener) bool { return sameAddress(o.Address, l.Address) }) {
			d.fault(path+".address", "%s is listed twice", l.Address)
		}
		network, _ := l.Split()
		if l.Mode != 0 && network != NetworkUnix {
			d.fault(path+".mode", "only a Unix socket has a mode: remove the key, or write address: unix:/path/of/the/socket")
		}
		validateTLS(l.TLS, path+".tls", d)
		if l.STS != nil {
			validateSTS(l, path+".sts", d)
		}
		validateOrigins(l, path+".allowed_origins", d)
		validateProxies(l, path+".proxy_protocol", d)
	}
}

// maxSocketPath is the longest folder of a Unix socket, in bytes: that of Linux for a path,
// less the temporary name under which package listen makes the socket.
const maxSocketPath = 107 - len("/.tmp0123456789/s")

func checkListenAddress(l Listener) error {
	switch network, address := l.Split(); network {
	case NetworkUnix:
		switch {
		case !filepath.IsAbs(address) || filepath.Clean(address) != address || address == "/":
			return fmt.Errorf("%q is not a Unix socket: write unix: and the whole path, such as unix:/run/directus-ircd/irc.sock", l.Address)
		case len(filepath.Dir(address)) > maxSocketPath || len(address) > 107:
			return fmt.Errorf("the path of the Unix socket is too long: its folder may have %d bytes and the whole 107", maxSocketPath)
		}
		return nil
	case NetworkSystemd:
		if l.Address == "systemd:" || strings.ContainsAny(address, ": \t") {
			return fmt.Errorf("%q is not a socket of systemd: write systemd, or systemd: and the FileDescriptorName of the socket unit", l.Address)
		}
		return nil
	default:
		return checkAddress(address)
	}
}

func validateAdmin(cfg *Config, d *decoder) {
	if cfg.Admin.Socket == "" {
		return
	}
	l := Listener{Address: "unix:" + cfg.Admin.Socket}
	if err := checkListenAddress(l); err != nil {
		d.fault("admin.socket", "%s", strings.NewReplacer("unix: and ", "", "unix:", "").Replace(err.Error()))
	}
	if slices.ContainsFunc(cfg.Listen, func(o Listener) bool { return o.Address == l.Address }) {
		d.fault("admin.socket", "%s is already the address of a listener: choose another path", cfg.Admin.Socket)
	}
}

func validateTLS(t TLS, path string, d *decoder) {
	switch {
	case t.ACME && (t.Cert != "" || t.Key != ""):
		d.fault(path, "acme is set together with cert or key: write either acme: true, or cert and key")
	case t.ACME || t.Cert == "" && t.Key == "":
	default:
		if _, err := t.Pair(); err != nil {
			d.fault(path, "%s", err)
		}
	}
}

func validateSTS(l Listener, path string, d *decoder) {
	network, _ := l.Split()
	duration := d.lines[path+".duration"] != 0
	switch {
	case network == NetworkUnix:
		d.fault(path, "clients cannot connect to a Unix socket by themselves: set it on the TCP listeners")
	case l.WebSocket == WebSocketOnly:
		d.fault(path, "sts is only for IRC, not for WebSockets: remove the key")
	case l.TLS.Enabled() && d.lines[path+".port"] != 0:
		d.fault(path+".port", "only a plain listener names the port with TLS: remove the key, and set duration to how long clients must use TLS")
	case l.TLS.Enabled():
	case duration:
		d.fault(path, "a plain listener only names the port with TLS: write sts: {port: 6697} here, and set duration on the listener with TLS")
	case l.STS.Port < 1 || l.STS.Port > 65535:
		d.fault(path, "the port of the listener with TLS is missing: write sts: {port: 6697}")
	}
}

func validateOrigins(l Listener, path string, d *decoder) {
	if len(l.AllowedOrigins) > 0 && l.WebSocket == webSocketOff {
		d.fault(path, "only a WebSocket listener has origins: add websocket: true, or remove the key")
	}
	for j, origin := range l.AllowedOrigins {
		if !isOrigin(origin) {
			d.fault(fmt.Sprintf("%s[%d]", path, j), "%q is not an origin: write scheme and host as browsers do, such as https://chat.example.com, or \"*\" for any", origin)
		}
	}
}

// isOrigin accepts what browsers send in Origin (RFC 6454, 6.1), and "*".
func isOrigin(origin string) bool {
	u, err := url.Parse(origin)
	return origin == "*" || err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.Scheme+"://"+u.Host == origin
}

func validateProxies(l Listener, path string, d *decoder) {
	if network, _ := l.Split(); len(l.ProxyProtocol) > 0 && network == NetworkUnix {
		d.fault(path, "connections to a Unix socket have no address: remove the key, or let the proxy connect over TCP")
	}
	for j, network := range l.ProxyProtocol {
		if _, err := ParseNetwork(network); err != nil {
			d.fault(fmt.Sprintf("%s[%d]", path, j), "%s", err)
		}
	}
}

// ParseNetwork reads an address, or a network such as 10.0.0.0/8.
func ParseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		addr = addr.Unmap()
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, fmt.Errorf("%q is not a network address: write such as 10.0.0.0/8, 192.0.2.7 or fd00::/8", text)
	}
	return p.Masked(), nil
}

func validateACME(cfg *Config, d *decoder) {
	a := cfg.ACME
	used := slices.ContainsFunc(cfg.Listen, func(l Listener) bool { return l.TLS.ACME })
	switch {
	case used && len(a.Domains) == 0:
		d.fault("acme.domains", "missing, but a listener has tls: {acme: true}: name the hosts of the certificates, such as [irc.example.com]")
	case !used && len(a.Domains) > 0:
		d.fault("acme.domains", "no listener uses these certificates: write tls: {acme: true} on a listener, or remove the key")
	}
	for i, domain := range a.Domains {
		if !isDomain(domain) {
			d.fault(fmt.Sprintf("acme.domains[%d]", i), "%q is not a host name for which a certificate can be issued: write such as irc.example.com, in small letters and without *", domain)
		}
	}
	if u, err := url.Parse(a.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		d.fault("acme.directory", "%q is not an ACME directory: write an address that begins with https://", a.Directory)
	}
	if a.HTTP == "" {
		return
	}
	if !used {
		d.fault("acme.http", "no listener uses certificates by ACME: write tls: {acme: true} on a listener, or remove the key")
	}
	if err := checkAddress(a.HTTP); err != nil {
		d.fault("acme.http", "%s", err)
	}
	if slices.ContainsFunc(cfg.Listen, func(l Listener) bool { return sameAddress(l.Address, a.HTTP) }) {
		d.fault("acme.http", "%s is already the address of a listener: choose another port", a.HTTP)
	}
}

// StrayPorts returns the ports to which sts sends clients although no listener has TLS there.
func (c *Config) StrayPorts() []int {
	var ports []int
	for _, l := range c.Listen {
		if l.STS == nil || l.TLS.Enabled() || slices.Contains(ports, l.STS.Port) {
			continue
		}
		suffix := fmt.Sprintf(":%d", l.STS.Port)
		if !slices.ContainsFunc(c.Listen, func(o Listener) bool { return o.TLS.Enabled() && strings.HasSuffix(o.Address, suffix) }) {
			ports = append(ports, l.STS.Port)
		}
	}
	return ports
}

func isDomain(s string) bool {
	return len(s) <= 253 && strings.Contains(s, ".") && strings.ToLower(s) == s && strings.Trim(s, ".-") == s && !strings.Contains(s, "..") &&
		!strings.ContainsFunc(s, func(r rune) bool { return !isHostRune(r) }) && net.ParseIP(s) == nil
}
