//go:build unix

package backing

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// account is a user of the system as whom a server runs. A nil account is the user of this process.
type account struct{ uid, gid int }

// unlessRoot returns the account for a server that refuses to run as root: nil if this process is not root's.
func unlessRoot(name, pkg string) (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("%w: on Debian and Ubuntu, apt-get install %s", err, pkg)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	return &account{uid, gid}, err
}

// take lets a command run as the account.
func (a *account) take(cmd *exec.Cmd) {
	if a != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}}
	}
}

// own gives a folder and all that is in it to the account, which alone may look into it.
func (a *account) own(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700)
		}
		if err == nil && a != nil {
			err = os.Lchown(path, a.uid, a.gid)
		}
		return err
	})
}
