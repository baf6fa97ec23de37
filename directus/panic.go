package directus

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/rs/zerolog"
)

var errPanic = errors.New("internal error")

// contain runs a part of the link. A panic in it ends the link, which Run replaces: the gap
// that follows makes readers read again what they may have missed.
func (l *link) contain(part func()) {
	defer func() {
		if v := recover(); v != nil {
			logPanic(l.log, v)
			l.fail(errPanic)
		}
	}()
	part()
}

// logPanic logs a panic with its stack. Of the value it logs only the type, or the text
// of a runtime error, because the value may quote what users wrote.
func logPanic(log zerolog.Logger, v any) {
	what := fmt.Sprintf("%T", v)
	if err, ok := v.(interface{ RuntimeError() }); ok {
		what = fmt.Sprint(err)
	}
	log.Error().Str("panic", what).Bytes("stack", debug.Stack()).Msg("internal error")
}

// apart runs a part of Run on a goroutine of its own and waits for it. TLS and JSON need
// a large stack, which the goroutine of Run would then keep for the days in which it only
// reads; there are thousands of those. A panic is logged with its stack and raised again
// on the goroutine of the caller.
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
