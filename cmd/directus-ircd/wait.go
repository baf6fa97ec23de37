package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/alecthomas/kong"

	"directus-ircd/directus"
)

const (
	// usualWait is how long --wait waits without a value: a first start of Directus makes
	// its tables.
	usualWait = 5 * time.Minute
	// waitPause is about how long to wait between two attempts.
	waitPause = 2 * time.Second
)

// waitFlag is how long to wait for Directus: 0 without the flag, usualWait for a bare
// --wait, and for --wait=1m what it says.
type waitFlag time.Duration

// IsBool lets kong take the flag without a value.
func (waitFlag) IsBool() bool { return true }

// Decode implements kong.MapperValue.
func (w *waitFlag) Decode(ctx *kong.DecodeContext) error {
	if ctx.Scan.Peek().Type != kong.FlagValueToken {
		*w = waitFlag(usualWait)
		return nil
	}
	value := fmt.Sprint(ctx.Scan.Pop().Value)
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a duration: write 90s or 5m", value)
	}
	*w = waitFlag(d)
	return nil
}

// until calls attempt until Directus is available. It gives up, with the last error, when
// the time is over or the error says that waiting would not help. It tells each new reason
// on out.
func (w waitFlag) until(ctx context.Context, out io.Writer, attempt func(context.Context) error) error {
	end, told := time.Now().Add(time.Duration(w)), ""
	for {
		err := attempt(ctx)
		left := time.Until(end)
		if err == nil || !errors.Is(err, directus.ErrUnavailable) || left <= 0 {
			return err
		}
		if told != err.Error() {
			told = err.Error()
			fmt.Fprintf(out, "directus-ircd: waiting for Directus, up to %s: %v\n", left.Round(time.Second), err)
		}
		pause := time.NewTimer(min(directus.Jitter(waitPause), left))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		}
	}
}
