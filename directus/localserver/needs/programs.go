package needs

import (
	"os/exec"
	"path/filepath"
	"slices"
)

// Program is a program that must be on the machine, and the package that brings it.
type Program struct {
	Name   string   // as people call it
	Any    []string // commands that can do its work, or patterns of absolute paths
	Debian string   // its package; Ubuntu has the same one unless Ubuntu is set
	Ubuntu string
	Fedora string // empty: unknown
	// LastDebian is the last release of Debian that has the package; 0 if there are newer ones. Nobody is asked to install
	// it on a newer one, and the tests leave it out there.
	LastDebian int
}

// Chromium is the browser that the tests drive.
var Chromium = Program{Name: "Chromium", Any: []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"},
	Debian: "chromium", Ubuntu: "chromium-browser", Fedora: "chromium"}

// Directus is what npm needs to compile the modules of Directus for which it finds no prebuilt ones.
var Directus = []Program{
	{Name: "python3", Any: []string{"python3", "python"}, Debian: "python3", Fedora: "python3"},
	{Name: "make", Any: []string{"make", "gmake"}, Debian: "make", Fedora: "make"},
	{Name: "g++", Any: []string{"g++", "c++", "clang++"}, Debian: "g++", Fedora: "gcc-c++"},
}

// Npm knows where Node.js and Directus come from. Nothing else needs it: it is missed where its environment does not say
// that either.
var Npm = Program{Name: "npm", Any: []string{"npm"}, Debian: "npm", Fedora: "npm"}

// Tests is what the tests need on top of that: a browser, the servers that they start, and the IRC clients that they play
// with.
var Tests = []Program{
	Chromium,
	{Name: "git", Any: []string{"git"}, Debian: "git", Fedora: "git"},
	{Name: "systemd", Any: []string{"systemd-analyze"}, Debian: "systemd", Fedora: "systemd"},
	{Name: "PostgreSQL", Any: []string{"/usr/lib/postgresql/*/bin/postgres"}, Debian: "postgresql"},
	{Name: "MariaDB", Any: []string{"mariadbd"}, Debian: "mariadb-server"},
	{Name: "Redis", Any: []string{"redis-server"}, Debian: "redis-server"},
	{Name: "nginx", Any: []string{"nginx"}, Debian: "nginx-light"},
	{Name: "Caddy", Any: []string{"caddy"}, Debian: "caddy", Fedora: "caddy"},
	{Name: "irssi", Any: []string{"irssi"}, Debian: "irssi", Fedora: "irssi"},
	{Name: "WeeChat", Any: []string{"weechat-curses"}, Debian: "weechat-curses"},
	{Name: "sic", Any: []string{"sic"}, Debian: "sic"},
	{Name: "ii", Any: []string{"ii"}, Debian: "ii"},
	{Name: "catgirl", Any: []string{"catgirl"}, Debian: "catgirl"},
	{Name: "EPIC5", Any: []string{"epic5"}, Debian: "epic5", LastDebian: 12},
	{Name: "ScrollZ", Any: []string{"scrollz"}, Debian: "scrollz", LastDebian: 12},
	{Name: "HexChat", Any: []string{"hexchat"}, Debian: "hexchat", Fedora: "hexchat"},
	{Name: "HexChat's Perl", Any: []string{"/usr/lib/*/hexchat/plugins/perl.so"}, Debian: "hexchat-perl"},
	{Name: "Xvfb", Any: []string{"Xvfb"}, Debian: "xvfb", Fedora: "xorg-x11-server-Xvfb"},
	{Name: "Limnoria", Any: []string{"supybot"}, Debian: "limnoria"},
}

// Path is where the program is, or "" if it is nowhere.
func (p Program) Path() string {
	for _, name := range p.Any {
		if filepath.IsAbs(name) {
			if found, err := filepath.Glob(name); err == nil && len(found) > 0 {
				return found[len(found)-1]
			}
			continue
		}
		// Debian keeps servers in a folder that only root has in PATH.
		for _, command := range []string{name, filepath.Join("/usr/sbin", name)} {
			if path, err := exec.LookPath(command); err == nil {
				return path
			}
		}
	}
	return ""
}

// Package returns the program of a package of Debian, which must be in one of the lists.
func Package(debian string) Program {
	all := slices.Concat(Directus, Tests)
	return all[slices.IndexFunc(all, func(p Program) bool { return p.Debian == debian })]
}

// Gone reports whether the program is not on this machine and cannot be, because the system no longer has its package.
func (p Program) Gone() bool { return thisMachine().gone(p) && p.Path() == "" }

// Missing returns those of the programs that are not on this machine and could be.
func Missing(lists ...[]Program) []Program {
	var missing []Program
	m := thisMachine()
	for _, list := range lists {
		for _, p := range list {
			if p.Path() == "" && !m.gone(p) {
				missing = append(missing, p)
			}
		}
	}
	return missing
}
