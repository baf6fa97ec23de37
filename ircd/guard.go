package ircd

import (
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/rs/zerolog"
)

// ErrPanic is what Guard makes of a panic.
var ErrPanic = errors.New("internal error")

// Guard runs f and turns a panic into ErrPanic, so that it ends no more than what
// runs there. The log gets the stack, but not what a client may have sent. It is a
// pointer because whatever stands here stands on the stack for as long as f runs.
func Guard(log *zerolog.Logger, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			log.Error().Str("panic", panicText(v)).Bytes("stack", debug.Stack()).Msg("internal error")
			err = ErrPanic
		}
	}()
	return f()
}

// panicText names a panic without values that a client may have sent.
func panicText(v any) string {
	if err, ok := v.(interface{ RuntimeError() }); ok {
		return fmt.Sprint(err)
	}
	return fmt.Sprintf("%T", v)
}
