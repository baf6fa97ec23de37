package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// newLogger writes to w in the configured form. The level can be changed later,
// for this logger and all that were derived from it.
func newLogger(w io.Writer, cfg logConfig) (zerolog.Logger, *levelSwitch) {
	out := zerolog.SyncWriter(w)
	if cfg.Format == "console" {
		out = zerolog.ConsoleWriter{Out: out, NoColor: !isTerminal(w), TimeFormat: time.RFC3339}
	}
	level := &levelSwitch{}
	level.set(cfg.Level)
	return zerolog.New(out).Sample(level).With().Timestamp().Logger(), level
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// levelSwitch is a level that all copies of a logger look up for each line. As
// a sampler it is asked before the line is built, so that a level that is off
// costs nothing.
type levelSwitch struct{ level atomic.Int32 }

func (s *levelSwitch) set(l logLevel) { s.level.Store(int32(l.zerolog())) }

// Sample implements zerolog.Sampler.
func (s *levelSwitch) Sample(l zerolog.Level) bool { return int32(l) >= s.level.Load() }
