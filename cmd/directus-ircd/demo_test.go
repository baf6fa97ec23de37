package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/gofrs/flock"

	"directus-ircd/cmd/directus-ircd/demo/pagetest"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// demoStartTimeout includes the installation of Directus on a bare machine.
const demoStartTimeout = 15 * time.Minute

// transcript is what a command printed so far.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer  // guarded by mu
	written chan struct{} // readable after a Write
}

func newTranscript() *transcript { return &transcript{written: make(chan struct{}, 1)} }

func (s *transcript) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.written <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// runningDemo is a demo command at work.
type runningDemo struct {
	t              *testing.T
	stop           context.CancelCauseFunc
	stdout, stderr *transcript
	exit           chan int // the exit status, once
	irc, web       string
}

var (
	demoIRCLine  = regexp.MustCompile(`irssi -c (\S+) -p (\S+) `)
	demoPageLine = regexp.MustCompile(`The chat page +(\S+)`)
)

// startDemo runs the command on free ports and returns when it has said how to
// look at it.
func startDemo(t *testing.T, data string, args ...string) *runningDemo {
	t.Helper()
	ctx, cancel := context.WithCancelCause(context.Background())
	d := &runningDemo{t: t, stop: cancel, stdout: newTranscript(), stderr: newTranscript(), exit: make(chan int, 1)}
	args = append([]string{"demo", "--listen=127.0.0.1:0", "--web=127.0.0.1:0", "--directus-port=0", "--data", data}, args...)
	env := &environment{Stdin: strings.NewReader(""), Stdout: d.stdout, Stderr: d.stderr}
	go func() { d.exit <- execute(ctx, args, env) }()
	t.Cleanup(func() {
		cancel(errShuttingDown)
		if d.exit != nil {
			<-d.exit
		}
		if t.Failed() {
			t.Logf("the demo printed:\n%s\n%s", d.stdout, d.stderr)
		}
	})
	d.waitReady()
	irc, web := demoIRCLine.FindStringSubmatch(d.stdout.String()), demoPageLine.FindStringSubmatch(d.stdout.String())
	if irc == nil || web == nil {
		t.Fatal("the demo does not say how to connect")
	}
	d.irc, d.web = net.JoinHostPort(irc[1], irc[2]), web[1]
	return d
}

func (d *runningDemo) waitReady() {
	d.t.Helper()
	timeout := time.NewTimer(demoStartTimeout)
	defer timeout.Stop()
	for !strings.Contains(d.stdout.String(), "Ctrl-C stops everything") {
		select {
		case <-d.stdout.written:
		case code := <-d.exit:
			d.exit = nil
			d.t.Fatalf("the demo ended with status %d", code)
		case <-timeout.C:
			d.t.Fatal("the demo does not get ready")
		}
	}
}

// interrupt is a Ctrl-C. It returns when the demo has ended.
func (d *runningDemo) interrupt() {
	d.t.Helper()
	d.stop(errShuttingDown)
	code := <-d.exit
	d.exit = nil
	if code != 0 {
		d.t.Errorf("the demo ended with status %d, want 0", code)
	}
	for _, address := range []string{d.irc, strings.TrimSuffix(strings.TrimPrefix(d.web, "http://"), "/")} {
		if conn, err := net.Dial("tcp", address); err == nil {
			conn.Close()
			d.t.Errorf("something still listens on %s", address)
		}
	}
}

// TestDemo is the chat between a browser and an IRC client.
func TestDemo(t *testing.T) {
	directustest.SkipShort(t)
	const first, second = "Hello Kevin! I write this in the chat page, in a browser.", "And I in irssi. Both of us talk to the same Directus collection."
	browser, data := pagetest.Chromium(t), filepath.Join(t.TempDir(), "demo")

	demo := startDemo(t, data)
	page := pagetest.Open(t, browser, demo.web)
	page.Login("ada@example.com", "demo-ada")
	page.Sees("Ada", first)
	irc := ircdtest.Dial(t, demo.irc)
	if nick := irc.LoginPass("kevin", "kevin@example.com:demo-kevin"); nick != "Kevin" && nick != "kevin" {
		t.Errorf("got the nick %q on IRC, want Kevin", nick)
	}
	irc.Expect(":Ada!* PRIVMSG #messages :*" + first)
	irc.Expect(":Kevin!* PRIVMSG #messages :*" + second)
	irc.Sync()
	page.Say("typed in the page")
	irc.Expect(":Ada!* PRIVMSG #messages :typed in the page")
	irc.Send("PRIVMSG #messages :typed on IRC")
	page.Sees("Kevin", "typed on IRC")
	irc.Send("PRIVMSG #messages :\x01ACTION waves from IRC\x01")
	page.Sees("* Kevin", "waves from IRC")
	page.Says("#members", "on IRC: Kevin")
	page.Do(chromedp.SendKeys(chromedp.CSS("#name"), "Tea garden\r"))
	irc.Expect(":Kevin!* JOIN *#tea-garden")
	page.Say("made in the page")
	irc.Expect(":Ada!* PRIVMSG #tea-garden :made in the page")
	irc.Send("JOIN #Attic")
	irc.Expect("* 366 * #attic *")
	page.Until(`() => [...document.querySelectorAll("#rooms button")].map((b) => b.textContent).join() === "messages,ideas,Tea garden,Attic"`)
	page.Do(chromedp.Evaluate[chromedp.Void](`document.querySelectorAll("#rooms button")[3].click()`))
	irc.Send("PRIVMSG #attic :made on IRC")
	page.Sees("Kevin", "made on IRC")
	irc.Refute("* PRIVMSG #messages :typed in the page", "* PRIVMSG #messages :typed on IRC")
	demo.interrupt()
	irc.Expect("ERROR :*server shutting down*")

	demo = startDemo(t, data)
	page = pagetest.Open(t, browser, demo.web)
	page.Login("kevin@example.com", "demo-kevin")
	page.Sees("Ada", first)
	page.Sees("Ada", "typed in the page")
	page.Sees("Kevin", "typed on IRC")
	page.Sees("* Kevin", "waves from IRC")
	if got, want := len(page.Lines()), 3+3; got != want {
		t.Errorf("got %d messages after a second start, want %d", got, want)
	}
	if strings.Contains(demo.stdout.String(), "making") {
		t.Error("the second start made again what the first had made")
	}
	demo.interrupt()
}

func TestDemoMistakes(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	busy := t.TempDir()
	lock := flock.New(filepath.Join(busy, "demo.lock"))
	if locked, err := lock.TryLock(); err != nil || !locked {
		t.Fatal("the folder cannot be locked", err)
	}
	defer lock.Unlock()
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "demo.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(taken.Addr().String())
	free := []string{"--listen=127.0.0.1:0", "--web=127.0.0.1:0", "--directus-port=0"}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"open to the world", []string{"--listen=0.0.0.0:6667"}, 2, []string{"--listen 0.0.0.0:6667", "on this machine only"}},
		{"all addresses", []string{"--web=:8080"}, 2, []string{"--web :8080", "on this machine only"}},
		{"no port", []string{"--web=127.0.0.1"}, 2, []string{"--web 127.0.0.1: want an address and a port"}},
		{"bad port", []string{"--directus-port=70000"}, 2, []string{"--directus-port 70000"}},
		{"IRC port taken", []string{"--listen=" + taken.Addr().String()}, 1, []string{taken.Addr().String(), "another program listens", "--listen"}},
		{"web port taken", []string{"--web=" + taken.Addr().String()}, 1, []string{taken.Addr().String(), "another program listens", "--web"}},
		{"Directus' port taken", []string{"--directus-port=" + port}, 1, []string{taken.Addr().String(), "another program listens", "--directus-port"}},
		{"foreign folder", []string{"--data=" + foreign}, 1, []string{foreign, "name an empty folder"}},
		{"foreign folder, reset", []string{"--reset", "--data=" + foreign}, 1, []string{foreign, "name an empty folder"}},
		{"running already", []string{"--data=" + busy}, 1, []string{"another demo is running", busy}},
		{"broken state", []string{"--data=" + broken}, 1, []string{"start again with --reset"}},
		{"folder is a file", []string{"--data=" + filepath.Join(foreign, "thesis.txt")}, 1, []string{"name another with --data"}},
		{"nothing installed", nil, 1, []string{"not found: python3, make, g++ and npm\n", "python3 make g++ npm", "The tests need Chromium"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			refuseDemo(t, append(free, tt.args...), tt.code, tt.want)
		})
	}
	if _, err := os.Stat(filepath.Join(foreign, "thesis.txt")); err != nil {
		t.Errorf("a foreign file is gone: %v", err)
	}
}

// refuseDemo runs the command on a machine without any other program, and looks for parts of
// what it says then.
func refuseDemo(t *testing.T, args []string, code int, wants []string) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
	args = append([]string{"demo", "--data=" + t.TempDir()}, args...)
	var out, problems bytes.Buffer
	got := execute(t.Context(), args, &environment{Stdout: &out, Stderr: &problems})
	if got != code {
		t.Errorf("got status %d, want %d", got, code)
	}
	for _, want := range wants {
		if !strings.Contains(problems.String(), want) {
			t.Errorf("got %q, want %q in it", &problems, want)
		}
	}
}

// Ctrl-C ends the demo, and so does the end of its terminal.
func TestDemoInterrupted(t *testing.T) {
	for name, interrupt := range map[string]func(cancel func(), hangup chan<- os.Signal){
		"signal": func(cancel func(), _ chan<- os.Signal) { cancel() },
		"hangup": func(_ func(), hangup chan<- os.Signal) { hangup <- syscall.SIGHUP },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			hangup := make(chan os.Signal, 1)
			interrupt(cancel, hangup)
			var problems bytes.Buffer
			args := []string{"demo", "--listen=127.0.0.1:0", "--web=127.0.0.1:0", "--directus-port=0", "--data", t.TempDir()}
			code := execute(ctx, args, &environment{Stdout: io.Discard, Stderr: &problems, Reload: hangup})
			if want := "interrupted before the demo was ready: start it again whenever you like"; code != 1 || !strings.Contains(problems.String(), want) {
				t.Errorf("got status %d and %q, want 1 and %q", code, &problems, want)
			}
		})
	}
}
