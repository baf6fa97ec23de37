package clients

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"directus-ircd/directus/localserver/process"
	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// A terminal is large enough to hold all that is shown in a run, so that its screen is the whole scrollback, and no line of
// it is broken.
const (
	rows    = 250
	columns = 500
)

// quitTimeout is how long a client may take to end once it is told to.
const quitTimeout = 5 * time.Second

// A screen is what somebody sees of a client, and where they type. Its methods may be called on any goroutine.
type screen interface {
	// text is what is shown: of the window that is open, where the client shows one at a time.
	text() string
	// enter types a line.
	enter(line string) error
	// ended is closed when the client has ended.
	ended() <-chan struct{}
	// close ends the client.
	close()
}

// terminal is a screen of a program for terminals.
type terminal struct {
	emulator vt10x.Terminal
	master   *os.File
	process  *process.Process
	reading  sync.WaitGroup
}

// openTerminal starts a program in a terminal.
func openTerminal(cmd *exec.Cmd) (screen, error) {
	master, tty, err := pty.Open()
	if err != nil {
		return nil, err
	}
	defer tty.Close()
	t := &terminal{master: master, emulator: vt10x.New(vt10x.WithSize(columns, rows), vt10x.WithWriter(master))}
	if err = pty.Setsize(master, &pty.Winsize{Rows: rows, Cols: columns}); err == nil {
		cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
		t.process, err = process.Start(cmd)
	}
	if err != nil {
		master.Close()
		return nil, fmt.Errorf("open a terminal: %w", err)
	}
	t.reading.Go(func() {
		r := bufio.NewReader(master)
		for t.emulator.Parse(r) == nil {
		}
	})
	return t, nil
}

func (t *terminal) text() string {
	t.emulator.Lock()
	defer t.emulator.Unlock()
	var b strings.Builder
	for y := range rows {
		var line strings.Builder
		for x := range columns {
			line.WriteRune(t.emulator.Cell(x, y).Char)
		}
		b.WriteString(strings.TrimRight(line.String(), " \x00"))
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n")
}

func (t *terminal) enter(line string) error {
	_, err := t.master.WriteString(line + "\r")
	return err
}

func (t *terminal) ended() <-chan struct{} { return t.process.Done() }

func (t *terminal) close() {
	t.process.Stop(quitTimeout)
	t.master.Close()
	t.reading.Wait()
}
