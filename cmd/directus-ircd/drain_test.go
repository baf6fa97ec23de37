package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// A daemon that drains takes nobody more, says that it is not ready, tells its clients, and ends well.
func TestDrain(t *testing.T) {
	w := newAdminWorld(t)
	drained := make(chan result, 1)
	go func() { drained <- runCommand(t, "", "drain", "--over", "2s", "--config", w.file) }()
	w.client.Expect("* NOTICE * :This server is going away: your client will be disconnected within 2s*")
	if nc, err := net.Dial("tcp", w.IRC[0]); err == nil {
		nc.Close()
		t.Error("it takes new connections")
	}
	if got := runCommand(t, "", "health", "--config", w.file); got.code != 1 || !strings.Contains(got.stderr, "not ready: draining") {
		t.Errorf("%+v", got)
	}
	if got := runCommand(t, "", "status", "--config", w.file); !strings.Contains(got.stdout, "draining for ") {
		t.Errorf("%+v", got)
	}
	if got := runCommand(t, "", "drain", "--config", w.file); got.code != 1 || !strings.Contains(got.stderr, "draining already") {
		t.Errorf("a second time: %+v", got)
	}
	if last := lastLine(w.client.Closed()); !ircdtest.Match("ERROR :*going away, connect again", last) {
		t.Errorf("the client was told %q", last)
	}
	if state := w.wait(10 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
	if got := <-drained; got.code != 0 || got.stdout != "1 connections end within 2s\nthe daemon has ended\n" {
		t.Errorf("%+v", got)
	}
}

func TestDrainOverTooLong(t *testing.T) {
	if got := runCommand(t, "", "drain", "--over", "2h"); got.code != exitUsage {
		t.Errorf("%+v", got)
	}
}
