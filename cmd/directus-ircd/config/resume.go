package config

import "time"

// StateDirectory is that of the systemd unit.
const StateDirectory = "/var/lib/directus-ircd"

// Resume says how long devices can go on from where they were.
type Resume struct {
	Directory   string   `yaml:"directory"`
	MaxAge      Duration `yaml:"max_age"` // 0: they cannot
	MaxMessages int      `yaml:"max_messages"`
}

func defaultResume() Resume {
	return Resume{Directory: StateDirectory, MaxAge: Duration(7 * 24 * time.Hour), MaxMessages: 1000}
}

func validateResume(cfg *Config, d *decoder) {
	if cfg.Resume.Directory == "" {
		d.fault("resume.directory", "empty: name a folder for what is kept over restarts")
	}
	if n := cfg.Resume.MaxMessages; n < 1 || n > maxBacklog {
		d.fault("resume.max_messages", "%d must be from 1 to %d", n, maxBacklog)
	}
}
