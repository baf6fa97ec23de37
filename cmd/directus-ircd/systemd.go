package main

import (
	"fmt"

	sd "github.com/coreos/go-systemd/v22/daemon"
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
