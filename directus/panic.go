package directus

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/rs/zerolog"
)

var errPanic = errors.New("internal error")

// contain runs a part of the link. A panic there ends the link, with its stack in the
// log and without what was said; the next one makes up for what this one misses.
func (l *link) contain(part func()) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(l.log, v)
			l.fail(errPanic)
		}
	}()
	part()
}

func logPanic(log zerolog.Logger, v any) {
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(interface{ RuntimeError() }); ok {
		what = fmt.Sprint(err)
	}
	log.Error().Str("panic", what).Bytes("stack", debug.Stack()).Msg("internal error")
}

// apart runs a part of Run on a goroutine that ends with it. What that needs of
// stack, for TLS and JSON, is not kept by the goroutine of Run, which does nothing
// but read for days and of which there are thousands. A panic there is logged with
// its stack, and goes on here.
func apart(log *zerolog.Logger, part func()) {
	var cause any
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer func() {
			if cause = recover(); cause != nil {
				logPanic(*log, cause)
			}
		}()
		part()
	}()
	if <-ended; cause != nil {
		panic(cause)
	}
}
