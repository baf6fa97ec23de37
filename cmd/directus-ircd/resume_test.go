package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A folder that was chosen must work; without one memory does.
func TestResumeDirectory(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	var log bytes.Buffer
	open := func(c config.Resume) string {
		t.Helper()
		log.Reset()
		r, err := openState(c, zerolog.New(&log))
		if err != nil {
			return err.Error()
		}
		t.Cleanup(r.Close)
		return ""
	}
	chosen := config.Default().Resume
	chosen.Directory = filepath.Join(dir, "made")
	if err := open(chosen); err != "" || log.Len() > 0 {
		t.Errorf("got %q, %s", err, &log)
	}
	if err := open(chosen); !strings.Contains(err, chosen.Directory+": another daemon is using it") {
		t.Errorf("used twice: got %q", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := open(config.Resume{Directory: file, MaxAge: config.Duration(time.Hour)}); !strings.HasPrefix(err, "resume.directory: ") || !strings.Contains(err, file) {
		t.Errorf("a file: got %q", err)
	}
	off := config.Resume{Directory: filepath.Join(dir, "off")}
	if err := open(off); err != "" || resumeOptions(&config.Config{Resume: off}) != nil {
		t.Errorf("switched off: got %q, %v", err, resumeOptions(&config.Config{Resume: off}))
	}
	if _, err := os.Stat(filepath.Join(off.Directory, "resume.db")); err != nil {
		t.Errorf("switched off, nothing is kept: %v", err)
	}

	t.Setenv("STATE_DIRECTORY", state+":/elsewhere")
	if err := open(config.Default().Resume); err != "" || log.Len() > 0 {
		t.Errorf("of systemd: got %q, %s", err, &log)
	}
	if _, err := os.Stat(filepath.Join(state, "resume.db")); err != nil {
		t.Error(err)
	}
	for what, path := range map[string]string{"in use": state, "not there": file} {
		t.Setenv("STATE_DIRECTORY", path)
		if err := open(config.Default().Resume); err != "" || !strings.Contains(log.String(), "in memory only") {
			t.Errorf("%s: got %q, %s", what, err, &log)
		}
	}
}

// A device goes on where it was, whether the daemon was stopped or killed.
// A device is shown as much as a client that comes for the first time.
func TestResumedMessages(t *testing.T) {
	cfg := config.Default()
	for backlog, want := range map[int]int{50: 1000, 5000: 5000} {
		cfg.Channels[0].Backlog = backlog
		if got := resumeOptions(cfg).MaxMessages; got != want {
			t.Errorf("with a backlog of %d: %d, want %d", backlog, got, want)
		}
	}
}

func TestResumeAfterRestart(t *testing.T) {
	t.Parallel() // most of the time it waits
	s := directustest.Start(t)
	kevin, ada := s.CreateUser("Kevin", ""), s.CreateUser("Ada", "")
	file := writeConfig(t, fmt.Sprintf(`
directus: {url: %q}
listen: [{address: "127.0.0.1:0"}]
channels: [{name: "#messages", collection: %s}]
resume: {directory: %q}
log: {level: debug, format: json}
`, s.URL, s.Collection, t.TempDir()))
	const written = "written what devices have received"
	connect := func() (*process, *ircdtest.Client, []string) {
		p := startProcess(t, file, 1, false)
		c := ircdtest.Dial(t, p.IRC[0])
		c.LoginPass("kevin", kevin.Email+"/laptop:"+kevin.Password)
		c.Expect("* 366 * #messages *")
		return p, c, texts(c.Sync())
	}
	// live shows a message, and another one until the first was surely written.
	live := func(p *process, c *ircdtest.Client, text string) {
		for i := range 3 {
			before := p.countLog(written)
			s.AddMessage(ada, fmt.Sprint(text, i))
			c.Expect("* PRIVMSG #messages :" + fmt.Sprint(text, i))
			c.Expect("PING :seen-*")
			c.Sync()
			p.waitLog(written, before)
		}
	}
	s.AddMessage(ada, "old")
	p, c, got := connect()
	if !slices.Equal(got, []string{"old"}) {
		t.Errorf("a new device: %q", got)
	}
	live(p, c, "first ")
	p.signal(syscall.SIGKILL)
	p.wait(5 * time.Second)
	c.Closed()
	s.AddMessage(ada, "missed")
	s.AddMessage(kevin, "from elsewhere")

	p, c, got = connect()
	if n := len(got); n < 2 || slices.Contains(got, "first 0") || !slices.Equal(got[n-2:], []string{"missed", "from elsewhere"}) {
		t.Errorf("after a kill: %q", got)
	}
	live(p, c, "second ")
	s.AddMessage(ada, "last")
	c.Expect("* PRIVMSG #messages :last")
	p.signal(syscall.SIGTERM)
	c.Closed()
	p.wait(5 * time.Second)
	s.AddMessage(ada, "missed again")
	_, _, got = connect()
	if !slices.Equal(got, []string{"missed again"}) {
		t.Errorf("after a stop: %q", got)
	}
}

// texts takes the messages out of lines, without the time in front of old ones.
func texts(lines []string) []string {
	var list []string
	for _, l := range lines {
		if _, text, ok := strings.Cut(l, " PRIVMSG #messages :"); ok {
			if strings.HasPrefix(text, "[") {
				_, text, _ = strings.Cut(text, "] ")
			}
			list = append(list, text)
		}
	}
	return list
}
