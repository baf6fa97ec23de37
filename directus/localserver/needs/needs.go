// Package needs knows which programs the demo and the tests need besides Go, finds out which of them a machine lacks, and
// names the one line that installs them. Package localserver asks it before it installs Directus, the tests when they
// find something missing, and the command in folder install for .ci/run.
package needs

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Error says what is missing, all at once.
type Error struct {
	// Programs are those without which it does not go on.
	Programs []Program
	// Later are others that the tests will need.
	Later []Program
}

// ForDirectus returns nil if nothing is missing that installing Directus needs, together with some more programs, and else an
// *Error that also names what the tests lack.
func ForDirectus(more ...Program) error {
	if missing := Missing(Directus, more); len(missing) > 0 {
		return &Error{Programs: missing, Later: Missing(Tests)}
	}
	return nil
}

// ForTests is the error of a test that has found something missing. It names all that the tests lack.
func ForTests() *Error {
	var npm []Program
	if os.Getenv("npm_config_registry") == "" && os.Getenv("NPM_CONFIG_REGISTRY") == "" {
		npm = []Program{Npm}
	}
	return &Error{Programs: Missing(Directus, npm, Tests)}
}

func (e *Error) Error() string { return explain(thisMachine(), e) }

func explain(m machine, e *Error) string {
	text := "not found: " + names(e.Programs) + "\nInstall with:  " + m.line(e.Programs)
	if len(e.Later) > 0 {
		all := slices.Concat(e.Programs, e.Later)
		text += "\nThe tests need " + names(e.Later) + " as well. All of it:\n  " + m.line(all)
	}
	return text
}

func names(programs []Program) string {
	list := make([]string, len(programs))
	for i, p := range programs {
		list[i] = p.Name
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// machine is what decides how programs are installed.
type machine struct {
	system string            // of the Go toolchain, such as "linux"
	os     map[string]string // the fields of /etc/os-release
	root   bool
	sudo   bool // whether it has sudo
}

func thisMachine() machine {
	m := machine{system: runtime.GOOS, os: map[string]string{}, root: os.Geteuid() == 0}
	if text, err := os.ReadFile("/etc/os-release"); err == nil {
		m.os = osRelease(string(text))
	}
	_, err := exec.LookPath("sudo")
	m.sudo = err == nil
	return m
}

// osRelease reads the fields of a file as in os-release(5).
func osRelease(text string) map[string]string {
	fields := map[string]string{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		if name, value, ok := strings.Cut(strings.TrimSpace(lines.Text()), "="); ok && !strings.HasPrefix(name, "#") {
			fields[name] = strings.Trim(value, `"'`)
		}
	}
	return fields
}

// like reports whether the system is a distribution or stands on it.
func (m machine) like(id string) bool {
	return m.os["ID"] == id || slices.Contains(strings.Fields(m.os["ID_LIKE"]), id)
}

// gone reports whether the system no longer has the package of a program.
func (m machine) gone(p Program) bool {
	release, err := strconv.Atoi(m.os["VERSION_ID"])
	return err == nil && m.os["ID"] == "debian" && p.LastDebian != 0 && release > p.LastDebian
}

// packages are the packages of this system, without doubles. It reports whether it knows all of them.
func (m machine) packages(programs []Program) (list []string, known bool) {
	known = true
	for _, p := range programs {
		name := p.Debian
		switch {
		case m.like("fedora"):
			name = p.Fedora
		case m.like("ubuntu") && p.Ubuntu != "":
			name = p.Ubuntu
		}
		if name == "" {
			known = false
		} else if !slices.Contains(list, name) {
			list = append(list, name)
		}
	}
	return list, known
}

// command installs the programs, if this system is one whose packages are known.
func (m machine) command(programs []Program) (argv []string, ok bool) {
	packages, known := m.packages(programs)
	switch {
	case !known:
		return nil, false
	case m.like("debian"), m.like("ubuntu"):
		argv = append([]string{"apt-get", "install", "--no-install-recommends"}, packages...)
	case m.like("fedora"):
		argv = append([]string{"dnf", "install"}, packages...)
	default:
		return nil, false
	}
	if !m.root && m.sudo {
		argv = append([]string{"sudo"}, argv...)
	}
	return argv, true
}

// line is what to type, or where that is not known what it would be elsewhere.
func (m machine) line(programs []Program) string {
	if argv, ok := m.command(programs); ok {
		line := strings.Join(argv, " ")
		if !m.root && !m.sudo {
			line += "   (as root)"
		}
		return line
	}
	if m.system == "darwin" {
		return "xcode-select --install   (python3, make and the compiler; Homebrew has the rest)"
	}
	debian := machine{os: map[string]string{"ID": "debian"}, root: true}
	return debian.line(programs) + "   (on Debian; other systems have similar packages)"
}
