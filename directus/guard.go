package directus

import (
	"errors"
	"fmt"
	"runtime/debug"
)

var errPanic = errors.New("internal error")

// guard runs a part of the link. A panic there ends the link, with its stack in the
// log and without what was said; the next one makes up for what this one misses.
func (l *link) guard(part func()) {
	defer func() {
		if v := recover(); v != nil {
			what := fmt.Sprintf("%T", v)
			if err, ok := v.(interface{ RuntimeError() }); ok {
				what = fmt.Sprint(err)
			}
			l.log.Error().Str("panic", what).Bytes("stack", debug.Stack()).Msg("internal error")
			l.fail(errPanic)
		}
	}()
	part()
}
