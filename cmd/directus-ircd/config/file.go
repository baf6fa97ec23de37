package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxFile is the largest configuration, certificate or key that the daemon reads, in bytes.
const maxFile = 1 << 20

// ReadFile reads a whole file and follows symbolic links. It fails for anything but a regular
// file of at most maxFile bytes: to open a named pipe would block until somebody writes to
// it, and no signal would end that.
func ReadFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is a pipe or a device: put a regular file there", path)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		return nil, fmt.Errorf("%s has more than %d bytes: it cannot be the right file", path, maxFile)
	}
	return text, err
}
