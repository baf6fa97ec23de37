package clients

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/localserver/needs"
)

// kind is a client of Debian: how it is started, and where it shows what.
type kind struct {
	name    string // in the matrix
	pkg     string // of Debian; the first of several is the client's own
	program string
	version string // the command that prints it; empty: program --version

	// prepare writes what the client reads at its start into its home, and returns the command for a shell there. It is
	// called once, on the goroutine of the test.
	prepare func(t testing.TB, home string, a account) (command string)
	// open starts the command. nil: in a terminal.
	open func(cmd *exec.Cmd) (screen, error)

	// in is shown when the client has joined, where that does not open the window of the channel.
	in string
	// Commands that show the window of the channel, that of Ada, and the others; empty where there is but one.
	channel, private string
	others           []string
	whisper          string // the command that sends Ada a private message, before the text; empty: /msg Ada
	join             string // what is entered after each start
	again            string // what is entered to connect again; empty: it does so by itself

	dies      bool // when the connection is cut; the test then starts it again
	keeps     bool // what it has shown, when it is started again
	forgetful bool // it cannot name a device: who comes back is shown the backlog again
	bot       bool // it shows nothing, and answers
}

// client is one that runs.
type client struct {
	kind
	user    directustest.User
	nick    string
	home    string
	command string
	screen  screen

	lives    int // how often it was started
	logins   int // how often it has connected, at most
	promises []promise
	joins    int       // how often a bot says that it has joined
	tried    time.Time // when it was last told to connect
	window   string    // the command that showed the window that is open
}

// promise is a text that has to be shown once in a window.
type promise struct {
	step, window, text string
	life, login        int // in which it was made
}

// poll is how often a screen is looked at.
const poll = 100 * time.Millisecond

// await waits until a condition holds, which returns nil then. It gives up when over is closed.
func await(limit time.Duration, over <-chan struct{}, holds func() error) error {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	for {
		err := holds()
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-over:
			return errors.Join(errors.New("it has ended"), err)
		case <-deadline.C:
			return fmt.Errorf("after %v: %w", limit, err)
		}
	}
}

// newClient gives a client a home and an account.
func newClient(t testing.TB, k kind, u directustest.User, d *daemon) *client {
	t.Helper()
	if _, err := exec.LookPath(k.program); err != nil {
		t.Fatalf("%s of the package %s is missing.\n%v", k.program, k.pkg, needs.ForTests())
	}
	c := &client{kind: k, user: u, nick: u.FirstName, home: t.TempDir()}
	a := newAccount(u.FirstName, u, d)
	c.command = c.prepare(t, c.home, a)
	t.Cleanup(func() {
		if c.screen != nil {
			c.screen.close()
		}
	})
	return c
}

// start starts the client, again where it has ended.
func (c *client) start() error {
	if c.screen != nil {
		c.screen.close()
	}
	cmd := exec.Command("sh", "-c", c.command)
	cmd.Dir = c.home
	cmd.Env = []string{"HOME=" + c.home, "PATH=" + os.Getenv("PATH") + ":/usr/games", "TERM=linux", "LANG=C.UTF-8", "LC_ALL=C.UTF-8", "TZ=UTC"}
	open := c.open
	if open == nil {
		open = openTerminal
	}
	var err error
	if c.screen, err = open(cmd); err != nil {
		return fmt.Errorf("start %s: %w", c.name, err)
	}
	if c.in == "" {
		c.window = c.channel
	}
	c.lives++
	c.logins++
	c.tried = time.Now()
	return nil
}

// retry is how long somebody looks at a client that does not get in before they tell it to connect again.
const retry = 15 * time.Second

// comeIn waits until a text shows, once more than before, that the client is in. One that ends with its connection, or does not connect again by
// itself, is told to, as somebody in front of it would do, also where Directus was too slow for its login.
func (c *client) comeIn(text string, before int) error {
	joined := c.lives - 1
	if c.tried.IsZero() {
		joined = c.lives
	}
	err := await(patience, nil, func() error {
		if strings.Count(c.screen.text(), text) > before {
			return nil
		}
		err := fmt.Errorf("%q is not shown", text)
		select {
		case <-c.screen.ended():
			if c.dies {
				err = errors.Join(err, c.start())
			}
		default:
			if c.again != "" && time.Since(c.tried) > retry {
				c.tried = time.Now()
				c.logins++
				err = errors.Join(err, c.screen.enter(c.again))
			}
		}
		return err
	})
	if err == nil && c.join != "" && c.lives > joined {
		return c.screen.enter(c.join)
	}
	return err
}

// versionOf is what a program says of itself.
func versionOf(command string) string {
	out, _ := exec.Command("sh", "-c", command).CombinedOutput() // some end with an error
	if v := regexp.MustCompile(`\d+(\.\d+)+`).FindString(string(out)); v != "" {
		return v
	}
	return "?"
}

// look shows a window, by the command that does.
func (c *client) look(window string) error {
	if window == c.window {
		return nil
	}
	c.window = window
	return c.screen.enter(window)
}

// expect promises a text in a window, and waits until it is shown. A bot shows nothing.
func (c *client) expect(step, window, text string) error {
	if c.bot {
		return nil
	}
	c.promises = append(c.promises, promise{step, window, text, c.lives, c.logins})
	if err := c.look(window); err != nil {
		return err
	}
	return c.awaitText(text, 0)
}

// awaitText waits until a text is shown on the open window, more often than before.
func (c *client) awaitText(text string, before int) error {
	return await(patience, c.screen.ended(), func() error {
		if strings.Count(c.screen.text(), text) > before {
			return nil
		}
		return fmt.Errorf("%q is not shown", text)
	})
}

// judge looks at all windows: each promise is kept once, and nothing odd is there. It returns what is wrong by step.
func (c *client) judge(artifacts string) map[string]error {
	wrong := map[string]error{}
	note := func(step string, err error) { wrong[step] = errors.Join(wrong[step], err) }
	windows := append([]string{c.channel, c.private}, c.others...)
	for i, window := range windows {
		if i > 0 && window == "" {
			continue
		}
		if err := c.look(window); err != nil {
			note(clean, err)
		}
		for step, err := range c.judgeWindow(window) {
			note(step, err)
		}
		text := c.screen.text()
		if err := findOdd(text); err != nil {
			note(clean, err)
		}
		name := fmt.Sprintf("%s-%d-%d.txt", c.nick, c.lives, i)
		if err := os.WriteFile(filepath.Join(artifacts, name), []byte(text), 0o600); err != nil {
			note(clean, err)
		}
	}
	return wrong
}

// judgeWindow waits for a moment until the window is drawn.
func (c *client) judgeWindow(window string) (wrong map[string]error) {
	_ = await(drawn, c.screen.ended(), func() error {
		wrong = map[string]error{}
		text := c.screen.text()
		for _, p := range c.promises {
			if p.window != window {
				continue
			}
			least, most := 1, 1
			if p.life < c.lives && !c.keeps {
				least, most = 0, 0
			}
			if c.forgetful {
				most += c.logins - p.login
			}
			if n := strings.Count(text, p.text); n < least || n > most {
				wrong[p.step] = errors.Join(wrong[p.step], fmt.Errorf("%q is shown %d times", p.text, n))
			}
		}
		if len(wrong) > 0 {
			return errors.New("not yet")
		}
		return nil
	})
	return wrong
}
