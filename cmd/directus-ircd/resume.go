package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/bridge/state"
	"directus-ircd/cmd/directus-ircd/config"
)

// resumeOptions are nil if resuming is switched off.
func resumeOptions(c config.Resume) *bridge.Resume {
	if c.MaxAge == 0 {
		return nil
	}
	return &bridge.Resume{MaxAge: time.Duration(c.MaxAge), MaxMessages: c.MaxMessages}
}

// openState opens what is kept over restarts. Where the configuration names no folder, and
// the default one cannot be used, memory has to do.
func openState(c config.Resume, log zerolog.Logger) (*bridge.State, error) {
	directory, chosen := c.Directory, c.Directory != config.StateDirectory
	if managed, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); managed != "" && !chosen {
		directory = managed
	}
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
