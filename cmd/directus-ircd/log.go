package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/config"
)

// newLogger writes to w in the configured form. Both can be changed later, for
// this logger and all that were derived from it.
func newLogger(w io.Writer, cfg config.Log) (zerolog.Logger, *logSwitch) {
	out := zerolog.SyncWriter(w)
	s := &logSwitch{json: out, console: zerolog.ConsoleWriter{Out: out, NoColor: !isTerminal(w), TimeFormat: time.RFC3339}}
	s.set(cfg)
	return zerolog.New(s).Sample(s).With().Timestamp().Logger(), s
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// logSwitch is a level and a form that all copies of a logger look up for each
// line. As a sampler it is asked before the line is built, so that a level that is
// off costs nothing.
type logSwitch struct {
	json, console io.Writer
	level         atomic.Int32
	plain         atomic.Bool // JSON
}

func (s *logSwitch) set(cfg config.Log) {
	level, _ := zerolog.ParseLevel(cfg.Level) // the configuration accepts no other
	s.level.Store(int32(level))
	s.plain.Store(cfg.Format != "console")
}

func (s *logSwitch) Sample(l zerolog.Level) bool { return int32(l) >= s.level.Load() }

func (s *logSwitch) Write(line []byte) (int, error) {
	if s.plain.Load() {
		return s.json.Write(line)
	}
	return s.console.Write(line)
}
