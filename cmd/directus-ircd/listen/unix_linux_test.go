package listen

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"directus-ircd/ircd/ircdtest"
)

// At every moment of its making a socket is closed to those who may not connect:
// it comes to its place as a whole, and nothing about it changes there.
func TestOpenUnixIsNeverOpenToAll(t *testing.T) {
	dir := ircdtest.SocketDir(t)
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(watch)
	if _, err := unix.InotifyAddWatch(watch, dir, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ATTRIB|unix.IN_DELETE); err != nil {
		t.Fatal(err)
	}
	ln, err := openUnix(t.Context(), filepath.Join(dir, "irc.sock"), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if err := ln.Close(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 64<<10)
	n, err := unix.Read(watch, buf)
	if err != nil {
		t.Fatal(err)
	}
	var got []uint32
	for at := 0; at < n; {
		event := (*unix.InotifyEvent)(unsafe.Pointer(&buf[at]))
		name := bytes.TrimRight(buf[at+unix.SizeofInotifyEvent:at+unix.SizeofInotifyEvent+int(event.Len)], "\x00")
		if string(name) == "irc.sock" {
			got = append(got, event.Mask)
		}
		at += unix.SizeofInotifyEvent + int(event.Len)
	}
	if want := []uint32{unix.IN_MOVED_TO, unix.IN_DELETE}; !slices.Equal(got, want) {
		t.Errorf("what happened in its place: %x, want %x", got, want)
	}
}
