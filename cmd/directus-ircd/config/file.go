package config

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// maxFile is how much a file may hold that the daemon reads as a whole: the
// configuration, a certificate, a key. Bytes.
const maxFile = 1 << 20

// ReadFile reads a file as a whole, behind symbolic links too. It waits for nobody:
// opening a named pipe would wait for its other end, and no signal ends that. All but
// regular files of at most maxFile bytes are errors.
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
