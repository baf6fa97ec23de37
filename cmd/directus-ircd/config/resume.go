package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// stateDirectory is the state directory of the systemd unit.
const stateDirectory = "/var/lib/directus-ircd"

// Resume says for how long a device that comes back gets the messages that it has missed.
type Resume struct {
	Directory string   `yaml:"directory"`
	MaxAge    Duration `yaml:"max_age"` // 0: no device does
}

func defaultResume() Resume {
	return Resume{Directory: stateDirectory, MaxAge: Duration(7 * 24 * time.Hour)}
}

func validateResume(cfg *Config, d *decoder) {
	if cfg.Resume.Directory == "" {
		d.fault("resume.directory", "empty: name the folder for the files that the daemon keeps over restarts")
	}
}

// StateDirectory is the folder of the files that the daemon keeps over restarts, and whether
// the configuration names it. Without a name it is the state directory of systemd, if there
// is one, or else the default.
func (r Resume) StateDirectory() (directory string, chosen bool) {
	if r.Directory != stateDirectory {
		return r.Directory, true
	}
	if state, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); state != "" {
		return state, false
	}
	return r.Directory, false
}

// CertificateDirectory is the folder where the certificates by ACME and the key of the
// account are kept.
func (c *Config) CertificateDirectory() string {
	state, _ := c.Resume.StateDirectory()
	return filepath.Join(state, "acme")
}
