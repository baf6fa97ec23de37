package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"directus-ircd/ircd/ircdtest"
)

// manager is systemd as a service sees it: it hears what the service says and keeps
// the files that it is given.
type manager struct {
	t      *testing.T
	socket string
	conn   *net.UnixConn

	mu    sync.Mutex
	told  []string              // guarded by mu
	store map[string][]*os.File // guarded by mu: by name
	more  chan struct{}         // guarded by mu; closed and replaced with each state
}

func newManager(t *testing.T) *manager {
	t.Helper()
	m := &manager{t: t, socket: filepath.Join(ircdtest.SocketDir(t), "notify"), store: map[string][]*os.File{}, more: make(chan struct{})}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	m.conn = conn
	ended := make(chan struct{})
	go func() { defer close(ended); m.hear() }()
	t.Cleanup(func() {
		conn.Close()
		<-ended
		for _, files := range m.store {
			closeFiles(files)
		}
	})
	return m
}

func closeFiles(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}

func (m *manager) hear() {
	text, rights := make([]byte, 4096), make([]byte, 256)
	for {
		n, nr, _, _, err := m.conn.ReadMsgUnix(text, rights)
		if err != nil {
			return
		}
		m.take(string(text[:n]), filesOf(rights[:nr]))
	}
}

func filesOf(rights []byte) (files []*os.File) {
	messages, err := unix.ParseSocketControlMessage(rights)
	if err != nil {
		return nil
	}
	for _, message := range messages {
		fds, err := unix.ParseUnixRights(&message)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "stored"))
		}
	}
	return files
}

func (m *manager) take(state string, files []*os.File) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, name, _ := strings.Cut(state, "\nFDNAME=")
	switch {
	case strings.HasPrefix(state, "FDSTORE=1"):
		// The same socket again, from the next process, is kept once.
		closeFiles(m.store[name])
		m.store[name] = files
	case strings.HasPrefix(state, "FDSTOREREMOVE=1"):
		closeFiles(m.store[name])
		delete(m.store, name)
	default:
		closeFiles(files)
	}
	m.told = append(m.told, state)
	close(m.more)
	m.more = make(chan struct{})
}

// expect waits until the service has said all of this, after the first n states.
func (m *manager) expect(n int, parts ...string) (heard int) {
	m.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		m.mu.Lock()
		more := m.more
		i := slices.IndexFunc(m.told[min(n, len(m.told)):], func(state string) bool {
			return !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains("\n"+state, "\n"+p) })
		})
		m.mu.Unlock()
		if i >= 0 {
			return n + i + 1
		}
		select {
		case <-more:
		case <-deadline:
			m.t.Fatalf("systemd was not told %q but %q", parts, m.told)
		}
	}
}

// environment is how the next process gets what is in the store: copies, which the
// caller closes.
func (m *manager) environment() (files []*os.File, env []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var names []string
	for name, stored := range m.store {
		for _, f := range stored {
			fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
			if err != nil {
				m.t.Fatal(err)
			}
			files, names = append(files, os.NewFile(uintptr(fd), name)), append(names, name)
		}
	}
	return files, []string{
		"NOTIFY_SOCKET=" + m.socket, "LISTEN_PID=self",
		fmt.Sprintf("LISTEN_FDS=%d", len(files)), "LISTEN_FDNAMES=" + strings.Join(names, ":"),
	}
}

func TestSystemdIsNotified(t *testing.T) {
	m := newManager(t)
	file := writeConfig(t, "directus: {url: \""+noDirectus(t)+"\"}\nlisten: [{address: \"127.0.0.1:0\"}]\nlog: {format: json}\n")
	p := startProcess(t, file, 1, false, "NOTIFY_SOCKET="+m.socket, "WATCHDOG_USEC=100000")
	n := m.expect(0, "FDSTORE=1", "FDNAME=directus-ircd.127.0.0.1_0")
	n = m.expect(n, "READY=1", "STATUS=1 listener")
	m.expect(0, "WATCHDOG=1")
	m.expect(m.expect(n, "WATCHDOG=1"), "WATCHDOG=1")
	p.signal(syscall.SIGHUP)
	n = m.expect(n, "RELOADING=1", "MONOTONIC_USEC=")
	n = m.expect(n, "READY=1")
	p.signal(syscall.SIGTERM)
	m.expect(n, "STOPPING=1")
	if state := p.wait(5 * time.Second); state.ExitCode() != 0 {
		t.Errorf("it ended with %v", state)
	}
}

// freeAddress is one at which nothing listens.
func freeAddress(t *testing.T) string { return strings.TrimPrefix(noDirectus(t), "http://") }

// Nobody who connects while the daemon restarts is refused: the sockets stay with
// systemd, and who waits there is served by the next process.
func TestRestartRefusesNobody(t *testing.T) {
	cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, time.Hour)
	plain, secure, web, path := freeAddress(t), freeAddress(t), freeAddress(t), filepath.Join(ircdtest.SocketDir(t), "irc.sock")
	head := "directus: {url: \"" + noDirectus(t) + "\"}\nlimits: {connections_per_address: 0}\nlog: {format: json}\nlisten:\n  - {address: \"" + plain + "\"}\n"
	file := writeConfig(t, head+
		"  - {address: \""+secure+"\", tls: {cert: "+cert+", key: "+key+"}}\n"+
		"  - {address: \""+web+"\", websocket: true}\n"+
		"  - {address: \"unix:"+path+"\"}\n")
	m := newManager(t)
	_, env := m.environment()
	p := startProcess(t, file, 4, false, env...)
	m.expect(0, "READY=1")

	// All the time somebody connects.
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for network, address := range map[string]string{"tcp": plain, "unix": path} {
		clients.Go(func() { keepConnecting(ctx, t, network, address) })
	}
	stop := func(p *process) {
		p.signal(syscall.SIGTERM)
		if state := p.wait(10 * time.Second); state.ExitCode() != 0 {
			t.Errorf("it ended with %v", state)
		}
	}
	stop(p)

	// While there is no process at all.
	waiting := connectAll(t, plain, secure, web, path)
	files, env := m.environment()
	p = startProcessWith(t, files, file, 4, false, env...)
	closeFiles(files)
	for _, served := range waiting {
		served()
	}
	cancel()
	clients.Wait()

	// What is not configured any more is given back.
	n := m.expect(0, "READY=1")
	stop(p)
	files, env = m.environment()
	if err := os.WriteFile(file, []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	startProcessWith(t, files, file, 1, false, env...)
	closeFiles(files)
	n = m.expect(n, "BARRIER=1")
	m.expect(n, "READY=1")
	refused(t, secure)
	files, _ = m.environment()
	closeFiles(files)
	if len(files) != 1 {
		t.Errorf("%d sockets are left with systemd", len(files))
	}
}

// connectAll connects to each kind of socket, where nobody answers yet. The functions
// that it returns each talk to who answers then.
func connectAll(t *testing.T, plain, secure, web, path string) (waiting []func()) {
	t.Helper()
	wait := func(nc net.Conn, err error) {
		if err != nil {
			t.Fatal(err)
		}
		waiting = append(waiting, func() {
			c := ircdtest.New(t, nc)
			c.Send("CAP LS 302")
			c.Expect("* CAP * LS *")
			c.Close()
		})
	}
	wait(net.Dial("tcp", plain))
	wait(net.Dial("unix", path))
	raw, err := net.Dial("tcp", secure)
	wait(tls.Client(raw, &tls.Config{InsecureSkipVerify: true}), err)
	if raw, err = net.Dial("tcp", web); err != nil {
		t.Fatal(err)
	}
	waiting = append(waiting, func() {
		dialer := websocket.Dialer{NetDial: func(string, string) (net.Conn, error) { return raw, nil }}
		ws, _, err := dialer.Dial("ws://"+web, nil)
		if err != nil {
			t.Fatal(err)
		}
		ws.Close()
	})
	return waiting
}

// keepConnecting connects again and again. Each connection is answered, or told that
// the server stops.
func keepConnecting(ctx context.Context, t *testing.T, network, address string) {
	for ctx.Err() == nil {
		nc, err := net.Dial(network, address)
		if err != nil {
			t.Errorf("connect: %v", err)
			return
		}
		if _, err := nc.Write([]byte("PING x\r\n")); err == nil {
			if err := nc.SetReadDeadline(time.Now().Add(ircdtest.Timeout)); err != nil {
				t.Error(err)
			}
			buf := make([]byte, 512)
			if n, err := nc.Read(buf); err != nil || !ircdtest.Match("* PONG *", string(buf[:n])) && !ircdtest.Match("ERROR *shutting down*", string(buf[:n])) {
				t.Errorf("answered %q, %v", buf[:n], err)
			}
		}
		nc.Close()
	}
}

// A daemon that is stuck does not tell the watchdog that it lives, and says so.
func TestPulse(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		lock, lives := make(chan struct{}, 1), true
		p := newPulse(func() bool { lock <- struct{}{}; defer func() { <-lock }(); return lives })
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); p.run(ctx) }()
		d := &daemon{pulse: p, ctx: t.Context(), monitor: newMonitor(func(context.Context) error { return nil }, func(bool) {}, zerolog.Nop())}
		for _, stuck := range []func(){
			func() { lock <- struct{}{} },
			func() { lock <- struct{}{}; lives = false; <-lock },
		} {
			time.Sleep(time.Minute)
			if err := p.check(); err != nil {
				t.Error(err)
			}
			stuck()
			time.Sleep(pulseLimit + 2*pulsePeriod)
			if p.check() == nil || d.health(ctx) == nil || d.readiness(ctx) == nil {
				t.Error("it seems to live")
			}
			if lives {
				<-lock
			}
			synctest.Wait()
			time.Sleep(2 * pulsePeriod)
		}
		cancel()
		<-ended
	})
}

func TestWatchdogOfStuckDaemon(t *testing.T) {
	m := newManager(t)
	t.Setenv("NOTIFY_SOCKET", m.socket)
	t.Setenv("WATCHDOG_USEC", "20000")
	p := newPulse()
	p.start = p.start.Add(-time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	tries := 0
	d := &daemon{pulse: p, log: zerolog.New(zerolog.LevelWriterAdapter{Writer: writerFunc(func() {
		if tries++; tries == 3 {
			cancel()
		}
	})})}
	d.watchdog(ctx)
	d.notify("the end")
	m.expect(0, "the end")
	if len(m.told) > 1 {
		t.Errorf("systemd was told %q", m.told)
	}
}

type writerFunc func()

func (f writerFunc) Write(p []byte) (int, error) { f(); return len(p), nil }
