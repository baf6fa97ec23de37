package main

import (
	"context"
	"directus-ircd/cmd/directus-ircd/config"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// States of sd_notify(3). Outside of systemd they go nowhere.

const sdStopping = sd.SdNotifyStopping

func sdReady(listeners int) string {
	return fmt.Sprintf("%s\nSTATUS=%d listeners open", sd.SdNotifyReady, listeners)
}

func sdReloading() string { return sd.SdNotifyReloading + "\n" + sd.SdNotifyMonotonicUsec() }

func (d *daemon) notify(state string) {
	if _, err := sd.SdNotify(false, state); err != nil {
		d.log.Warn().Err(err).Msg("notify systemd")
	}
}

// storePrefix tells the sockets that the daemon has given to systemd from those
// of socket units.
const storePrefix = "directus-ircd."

// storeName is the name of an entry's socket in systemd's store, where it stays open
// from one process to the next: whoever connects meanwhile waits in its queue. A
// colon has a meaning there.
func storeName(cfg config.Listen) string {
	return storePrefix + strings.ReplaceAll(cfg.Address, ":", "_")
}

// store gives a socket to systemd, which keeps it if FileDescriptorStoreMax allows.
// What a socket unit has opened is kept by that. The file of a Unix socket then
// stays: where nobody keeps the socket, the next start replaces it.
func (d *daemon) store(l *listener) {
	if network, _ := l.configured.Split(); network == config.NetworkSystemd || os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	f, err := fileOf(l.socket)
	if err == nil {
		defer f.Close()
		err = notifyWith("FDSTORE=1\nFDNAME="+storeName(l.configured), f)
	}
	if err != nil {
		d.log.Warn().Err(err).Str("address", l.configured.Address).Msg("leave the socket with systemd")
		return
	}
	leave(l.socket)
}

// forget has systemd close its duplicate of a socket.
func (d *daemon) forget(l *listener) {
	if network, _ := l.configured.Split(); network != config.NetworkSystemd {
		d.notify("FDSTOREREMOVE=1\nFDNAME=" + storeName(l.configured))
	}
}

// barrierTimeout is how long systemd may take to do what it was told.
const barrierTimeout = 3 * time.Second

// forgetStale has systemd close the sockets of an earlier configuration, whose
// addresses may be needed, and waits until it has (sd_notify_barrier(3)).
func (d *daemon) forgetStale(passed *passedSockets) {
	for name, sockets := range passed.stale {
		for _, ln := range sockets {
			ln.Close()
		}
		d.notify("FDSTOREREMOVE=1\nFDNAME=" + name)
	}
	if len(passed.stale) == 0 {
		return
	}
	if err := notifyBarrier(); err != nil {
		d.log.Warn().Err(err).Msg("wait for systemd")
	}
}

func notifyBarrier() error {
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

// watchdog tells systemd twice in WatchdogSec that the daemon lives, as long as it
// does, until ctx ends.
func (d *daemon) watchdog(ctx context.Context) {
	period, err := sd.SdWatchdogEnabled(false)
	if err != nil {
		d.log.Warn().Err(err).Msg("watchdog of systemd")
	}
	if err != nil || period <= 0 {
		return
	}
	beat := time.NewTicker(period / 2)
	defer beat.Stop()
	for {
		if err := d.pulse.check(); err != nil {
			d.log.Error().Err(err).Msg("systemd is not told that the daemon lives")
		} else {
			d.notify(sd.SdNotifyWatchdog)
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			return
		}
	}
}
