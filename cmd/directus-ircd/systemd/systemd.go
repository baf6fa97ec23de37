// Package systemd tells systemd how the daemon is, by sd_notify(3): that it is ready,
// reloads, stops or lives, and which sockets are to be kept open from one process to the
// next. Outside of systemd all of it goes nowhere. What systemd passes at the start,
// package listen takes.
//
// It imports no other package of this program.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// Stopping is the state of a daemon that ends.
const Stopping = sd.SdNotifyStopping

// Ready is the state of a daemon that serves, on that many listeners.
func Ready(listeners int) string {
	return fmt.Sprintf("%s\nSTATUS=%d listeners open", sd.SdNotifyReady, listeners)
}

// Reloading is the state, as of now, of a daemon that reads its configuration again.
func Reloading() string { return sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec() }

// Notify tells systemd a state.
func Notify(state string) error {
	_, err := sd.SdNotify(false, state)
	return err
}

// Store gives an open file to systemd, which keeps it under the name if
// FileDescriptorStoreMax allows, and passes it to the next process.
func Store(name string, f *os.File) error {
	return notifyWith("FDSTORE=1\nFDNAME="+name, f)
}

// Forget has systemd close its duplicate of what it was given.
func Forget(name string) error {
	return Notify("FDSTOREREMOVE=1\nFDNAME=" + name)
}

// barrierTimeout is how long systemd may take to do what it was told.
const barrierTimeout = 3 * time.Second

// Barrier waits until systemd has done what it was told (sd_notify_barrier(3)).
func Barrier() error {
	closed, f, err := os.Pipe()
	if err != nil {
		return err
	}
	defer closed.Close()
	err = notifyWith("BARRIER=1", f)
	f.Close()
	if err != nil {
		return err
	}
	if err := closed.SetReadDeadline(time.Now().Add(barrierTimeout)); err != nil {
		return err
	}
	if _, err = closed.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// notifyWith sends a state along with an open file.
func notifyWith(state string, f *os.File) error {
	// Package net sends files over datagram sockets that are not connected only.
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Net: "unixgram"})
	if err != nil {
		return err
	}
	defer conn.Close()
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) {
		_, _, sent = conn.WriteMsgUnix([]byte(state), unix.UnixRights(int(fd)), &net.UnixAddr{Name: os.Getenv("NOTIFY_SOCKET"), Net: "unixgram"})
	})
	return errors.Join(err, sent)
}

// Watchdog tells systemd twice in WatchdogSec that the daemon lives, as long as it
// does, until ctx ends.
func Watchdog(ctx context.Context, log zerolog.Logger, alive func() error) {
	period, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn().Err(err).Msg("watchdog of systemd")
	}
	if err != nil || period <= 0 {
		return
	}
	beat := time.NewTicker(period / 2)
	defer beat.Stop()
	for {
		if err := alive(); err != nil {
			log.Error().Err(err).Msg("systemd is not told that the daemon lives")
		} else if err := Notify(sd.SdNotifyWatchdog); err != nil {
			log.Warn().Err(err).Msg("notify systemd")
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			return
		}
	}
}
