package config

import (
	"os"
	"path/filepath"
	"strings"
	"time"
)

// stateDirectory is that of the systemd unit.
const stateDirectory = "/var/lib/directus-ircd"

// Resume says how long devices can go on from where they were.
type Resume struct {
	Directory string   `yaml:"directory"`
	MaxAge    Duration `yaml:"max_age"` // 0: they cannot
}

func defaultResume() Resume {
	return Resume{Directory: stateDirectory, MaxAge: Duration(7 * 24 * time.Hour)}
}

func validateResume(cfg *Config, d *decoder) {
	if cfg.Resume.Directory == "" {
		d.fault("resume.directory", "empty: name the folder for the files that the daemon keeps over restarts")
	}
}

// StateDirectory is the folder of what is kept over restarts, and whether the
// configuration names it. That of systemd goes before the default.
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
