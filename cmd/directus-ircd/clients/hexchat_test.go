package clients

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"directus-ircd/directus/localserver/process"
)

// hexchat runs on an X server that nobody sees. What it shows it logs as well, and a plugin of the test types for it.
var hexchat = kind{
	name: "HexChat", pkg: "hexchat hexchat-perl xvfb", program: "hexchat",
	prepare: func(t testing.TB, home string, a account) string {
		write(t, filepath.Join(home, "conf", "hexchat.conf"), `gui_slist_skip = 1
gui_quit_dialog = 0
irc_logging = 1
irc_logmask = %c.log
net_reconnect_delay = 2`)
		write(t, filepath.Join(home, "conf", "servlist.conf"), "v=2.16.1\n\nN=Chat\nP="+a.recipeOfHexChat(t)+"\nL=7\nE=UTF-8 (Unicode)\nF=10\nD=0\nS="+hexchatAddress(a.plain))
		write(t, filepath.Join(home, "conf", "addons", "typist.pl"), typist)
		if err := syscall.Mkfifo(filepath.Join(home, "typed"), 0o600); err != nil {
			t.Fatal(err)
		}
		return "exec " + asNobody(t, home) + "hexchat -d conf"
	},
	open: func(cmd *exec.Cmd) (screen, error) {
		server, display, err := startX()
		if err != nil {
			return nil, err
		}
		cmd.Env = append(cmd.Env, "DISPLAY=:"+display)
		return openFolder(cmd, folder{server: server, dir: filepath.Join(cmd.Dir, "conf", "logs"), shown: "*.log", input: func(line string) (pipe, rest string) {
			return filepath.Join(cmd.Dir, "typed"), line
		}})
	},
}

// startX starts an X server, which ends with the test, as its clients do with it. display is its number.
func startX() (server *process.Process, display string, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer r.Close()
	cmd := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1024x768x24", "-nolisten", "tcp")
	cmd.ExtraFiles = []*os.File{w}
	server, err = process.Start(cmd)
	w.Close()
	if err != nil {
		return nil, "", err
	}
	display, err = bufio.NewReader(r).ReadString('\n')
	if err != nil {
		server.Stop(quitTimeout)
		return nil, "", fmt.Errorf("Xvfb does not say where it listens: %w", err)
	}
	return server, strings.TrimSpace(display), nil
}

// asNobody is what a command begins with that must not run as root, as which HexChat waits for somebody to confirm it.
func asNobody(t testing.TB, home string) string {
	t.Helper()
	if os.Getuid() != 0 {
		return ""
	}
	const nobody = 65534
	err := errors.Join(os.Chmod(filepath.Dir(home), 0o711), filepath.WalkDir(home, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Chown(path, nobody, nobody))
	}))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("setpriv --reuid=%d --regid=%[1]d --clear-groups ", nobody)
}

// typist is a plugin of HexChat which enters in the channel what a pipe brings.
const typist = `use strict; use warnings;
HexChat::register("typist", "1", "enters what a pipe brings");
open(my $pipe, "+<", "$ENV{HOME}/typed") or die $!;
HexChat::hook_fd($pipe, sub {
	sysread($pipe, my $lines, 4096) or return HexChat::REMOVE;
	HexChat::set_context(HexChat::find_context("#messages") || HexChat::get_context());
	for my $line (split /\n/, $lines) {
		HexChat::command($line =~ m{^/(.*)} ? $1 : "say $line");
	}
	return HexChat::KEEP;
}, { flags => HexChat::FD_READ });`

// recipeOfHexChat is the password that the page tells to fill in.
func (a account) recipeOfHexChat(t testing.TB) string {
	t.Helper()
	text := section(t, "HexChat")
	const before = "login method \"Server password\", password `"
	_, text, ok := strings.Cut(text, before)
	if !ok {
		t.Fatalf("the recipe for HexChat does not say %s", before)
	}
	password, _, _ := strings.Cut(text, "`")
	return a.adapt(password)
}

func hexchatAddress(address string) string { return strings.ReplaceAll(address, ":", "/") }
