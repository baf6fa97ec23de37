package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/bridge/state"
	"directus-ircd/cmd/directus-ircd/config"
)

// leastResumed is how many messages of a channel a device is shown that it has missed:
// the latest, if there are more.
const leastResumed = 1000

// resumeOptions are nil if resuming is switched off. A device is shown no less than a
// client that comes for the first time.
func resumeOptions(cfg *config.Config) *bridge.Resume {
	if cfg.Resume.MaxAge == 0 {
		return nil
	}
	most := leastResumed
	for _, c := range cfg.Channels {
		most = max(most, c.Backlog)
	}
	return &bridge.Resume{MaxAge: time.Duration(cfg.Resume.MaxAge), MaxMessages: most}
}

// openState opens what is kept over restarts. Where the configuration names no folder, and
// the default one cannot be used, memory has to do.
func openState(c config.Resume, log zerolog.Logger) (*bridge.State, error) {
	directory, chosen := c.StateDirectory()
	kept, err := bridge.OpenState(directory, log)
	switch {
	case err != nil && chosen && errors.Is(err, state.ErrInUse):
		return nil, fmt.Errorf("resume.directory: %s: %w: stop that one, or name another folder", directory, err)
	case err != nil && chosen:
		return nil, fmt.Errorf("resume.directory: %w: make the folder writable, or name another one", err)
	case err != nil:
		log.Warn().Err(err).Str("directory", directory).Msg("nicks and what devices have received are kept in memory only, until the daemon stops: set resume.directory to keep them")
		return bridge.OpenState("", log)
	}
	return kept, nil
}
