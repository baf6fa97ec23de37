package main

import "time"

// defaultStateDirectory is that of the systemd unit.
const defaultStateDirectory = "/var/lib/directus-ircd"

// resumeConfig says how long devices can go on from where they were.
type resumeConfig struct {
	Directory   string   `yaml:"directory"`
	MaxAge      duration `yaml:"max_age"` // 0: they cannot
	MaxMessages int      `yaml:"max_messages"`
}

func defaultResume() resumeConfig {
	return resumeConfig{Directory: defaultStateDirectory, MaxAge: duration(7 * 24 * time.Hour), MaxMessages: 1000}
}

func validateResume(cfg *config, d *decoder) {
	if cfg.Resume.Directory == "" {
		d.fault("resume.directory", "empty: name a folder for what is kept over restarts")
	}
	if n := cfg.Resume.MaxMessages; n < 1 || n > maxBacklog {
		d.fault("resume.max_messages", "%d must be from 1 to %d", n, maxBacklog)
	}
}
