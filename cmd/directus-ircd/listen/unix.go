package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"directus-ircd/cmd/directus-ircd/config"
)

// defaultSocketMode lets the owner's group connect.
const defaultSocketMode = 0o660

// openUnix makes a Unix socket. It is made in a folder that nobody else can
// enter and moved to its place when its permissions are set, so that at no moment
// somebody can connect who may not. A socket that is left over from a program
// that is gone is replaced.
func openUnix(ctx context.Context, path string, mode config.FileMode) (net.Listener, error) {
	if mode == 0 {
		mode = defaultSocketMode
	}
	if err := checkVacant(ctx, path); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".tmp*")
	if err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w: its folder has to exist, and the daemon to be allowed to write there", path, err)
	}
	defer os.RemoveAll(dir)
	made := filepath.Join(dir, "s")
	ln, err := (&net.ListenConfig{}).Listen(ctx, "unix", made)
	if err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false)
	l := &unixListener{Listener: ln, path: path}
	if err = os.Chmod(made, fs.FileMode(mode)); err == nil {
		if l.made, err = os.Lstat(made); err == nil {
			err = os.Rename(made, path)
		}
	}
	if err != nil {
		ln.Close()
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	return l, nil
}

// checkVacant reports why a socket cannot be made at a path.
func checkVacant(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("listen on unix:%s: %w", path, err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("listen on unix:%s: there is a file that is no socket: choose another path, or remove it", path)
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		nc.Close()
		return fmt.Errorf("listen on unix:%s: another program listens there, stop it or choose another path", path)
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, fs.ErrNotExist):
		return nil
	}
	return fmt.Errorf("listen on unix:%s: whether another program listens there cannot be told: %w", path, err)
}

// adoptUnix goes on with a Unix socket that was made by another process.
func adoptUnix(ln net.Listener, path string, mode config.FileMode) (net.Listener, error) {
	made, err := os.Lstat(path)
	if err != nil {
		return nil, fmt.Errorf("listen on unix:%s: %w", path, err)
	}
	l := &unixListener{Listener: ln, path: path, made: made}
	return l, l.chmod(mode)
}

// unixListener removes its file when it is closed, but not one that has been put
// in its place.
type unixListener struct {
	net.Listener
	path string
	made fs.FileInfo // the file as it was made
	left atomic.Bool // the socket lives on elsewhere: leave the file
}

func (l *unixListener) chmod(mode config.FileMode) error {
	if mode == 0 {
		mode = defaultSocketMode
	}
	return os.Chmod(l.path, fs.FileMode(mode))
}

// File is a duplicate of the socket.
func (l *unixListener) File() (*os.File, error) { return l.Listener.(*net.UnixListener).File() }

func (l *unixListener) Addr() net.Addr { return &net.UnixAddr{Name: l.path, Net: "unix"} }

func (l *unixListener) Close() error {
	if l.left.Load() {
		return l.Listener.Close()
	}
	if info, err := os.Lstat(l.path); err == nil && os.SameFile(info, l.made) {
		if err := os.Remove(l.path); err != nil {
			return errors.Join(err, l.Listener.Close())
		}
	}
	return l.Listener.Close()
}
