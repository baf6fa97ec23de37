package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
)

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

// options are nil if resuming is switched off.
func (c resumeConfig) options() *bridge.Resume {
	if c.MaxAge == 0 {
		return nil
	}
	return &bridge.Resume{MaxAge: time.Duration(c.MaxAge), MaxMessages: c.MaxMessages}
}

// open opens what is kept over restarts. Where the configuration names no folder, and
// the default one cannot be used, memory has to do.
func (c resumeConfig) open(log zerolog.Logger) (*bridge.State, error) {
	directory, chosen := c.Directory, c.Directory != defaultStateDirectory
	if state, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); state != "" && !chosen {
		directory = state
	}
	state, err := bridge.OpenState(directory, log)
	switch {
	case err != nil && chosen && errors.Is(err, bridge.ErrStateInUse):
		return nil, fmt.Errorf("resume.directory: %s: %w: stop that one, or name another folder", directory, err)
	case err != nil && chosen:
		return nil, fmt.Errorf("resume.directory: %w: make the folder writable, or name another one", err)
	case err != nil:
		log.Warn().Err(err).Str("directory", directory).Msg("nicks and what devices have received are kept in memory only, until the daemon stops: set resume.directory to keep them")
		return bridge.OpenState("", log)
	}
	return state, nil
}
