package main

import (
	"bytes"
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// lockedBuffer is a log that is read while it is written.
type lockedBuffer struct {
	mu   sync.Mutex
	buf  bytes.Buffer  // guarded by mu
	more chan struct{} // the doorbell of waitFor; cap 1
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case b.more <- struct{}{}:
	default:
	}
	return b.buf.Write(p)
}

// waitFor waits until text is in the log that many times. The longest wait of
// the daemon between two attempts is 90 s.
func (b *lockedBuffer) waitFor(t *testing.T, text string, times int) {
	t.Helper()
	deadline := time.After(100 * time.Second)
	for strings.Count(b.String(), text) < times {
		select {
		case <-b.more:
		case <-deadline:
			t.Fatalf("the log does not hold %q %d times", text, times)
		}
	}
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// daemonUnderTest is serve in this process, logging everything.
type daemonUnderTest struct {
	address string
	log     *lockedBuffer
	stop    context.CancelCauseFunc
	ended   chan error
}

func startDaemon(t *testing.T, text string) *daemonUnderTest {
	t.Helper()
	cfg, err := config.Parse("test.yaml", []byte(text+"\nlisten: [{address: \"127.0.0.1:0\"}]\nlog: {level: trace, format: json}\n"))
	if err != nil {
		t.Fatal(err)
	}
	d := &daemonUnderTest{log: &lockedBuffer{more: make(chan struct{}, 1)}, ended: make(chan error, 1)}
	ctx, stop := context.WithCancelCause(context.Background())
	d.stop = stop
	log, change := newLogger(d.log, cfg.Log)
	ready := make(chan []net.Addr, 1)
	go func() {
		d.ended <- serve(ctx, cfg, serveOptions{Log: log, Switch: change, Ready: func(addrs []net.Addr, _ func(string) []string) { ready <- addrs }})
	}()
	t.Cleanup(func() {
		if err := d.end(); err != nil {
			t.Errorf("serve: %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", d.log)
		}
	})
	select {
	case addrs := <-ready:
		d.address = addrs[0].String()
	case err := <-d.ended:
		t.Fatalf("serve: %v", err)
	}
	return d
}

// end stops the daemon and returns what serve returned; once is enough.
func (d *daemonUnderTest) end() error {
	d.stop(errShuttingDown)
	err, open := <-d.ended
	if open {
		close(d.ended)
	}
	return err
}

func TestServeDirectus(t *testing.T) {
	s := directustest.Shared(t)
	ada, kevin := s.CreateUser("Ada", "Lovelace"), s.CreateUser("Kevin", "Lewis")
	d := startDaemon(t, `
directus: {url: "`+s.URL+`"}
login: {email_template: "{nick}@`+domainOf(kevin.Email)+`"}
channels: [{name: "#messages", collection: `+s.Collection+`, fields: {nonce: nonce}}]
`)
	k := ircdtest.Dial(t, d.address)
	k.Name = "kevin"
	nick := k.LoginPass("whoever", kevin.Email+":"+kevin.Password)
	k.Expect("* 366 * #messages *")

	for name, login := range map[string]func(*ircdtest.Client) string{
		"PASS with a token": func(c *ircdtest.Client) string { return c.LoginPass("ada", ada.StaticToken) },
		"SASL":              func(c *ircdtest.Client) string { return c.LoginSASL("ada", ada.Email, ada.Password) },
		"SASL with a token": func(c *ircdtest.Client) string { return c.LoginSASL("ada", "token", ada.StaticToken) },
	} {
		t.Run(name, func(t *testing.T) {
			c := ircdtest.Dial(t, d.address)
			adasNick := login(c)
			c.Expect("* 366 * #messages *")
			text := "text by " + strings.ReplaceAll(name, " ", "-")
			c.Send("PRIVMSG #messages :" + text)
			k.Expect(":" + adasNick + "!* PRIVMSG #messages :" + text)
			k.Send("PRIVMSG #messages :answer to " + text)
			c.Expect(":" + nick + "!* PRIVMSG #messages :answer to " + text)
			c.Send("QUIT :bye")
			c.Closed()
		})
	}
	t.Run("nick and password", func(t *testing.T) {
		c := ircdtest.Dial(t, d.address)
		local, _, _ := strings.Cut(kevin.Email, "@")
		if got := c.LoginPass(local, kevin.Password); got != nick {
			t.Errorf("the nick is %q, want %q", got, nick)
		}
	})
	t.Run("wrong password", func(t *testing.T) {
		c := ircdtest.Dial(t, d.address)
		c.Send("PASS "+ada.Email+":wrong-geheim", "NICK ada", "USER ada 0 * :Ada")
		c.Expect("* 464 *")
		c.Closed()
	})

	begin := time.Now()
	if err := d.end(); err != nil {
		t.Errorf("serve: %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the stop took %s", took)
	}
	if last := lastLine(k.Closed()); !ircdtest.Match("ERROR :*server shutting down*", last) {
		t.Errorf("the client was told %q", last)
	}
	local, _, _ := strings.Cut(kevin.Email, "@")
	checkSecrets(t, d.log.String(), ada.Email, ada.Password, ada.StaticToken, kevin.Email, kevin.Password, local, "wrong-geheim",
		ircdtest.Plain(ada.Email, ada.Password), "text by", "answer to")
}

// checkSecrets wants none in a log at level trace.
func checkSecrets(t *testing.T, log string, secrets ...string) {
	t.Helper()
	if !strings.Contains(log, `"cmd":"PRIVMSG"`) {
		t.Error("nothing of the chat is logged at level trace: the test of secrets proves nothing")
	}
	for _, secret := range secrets {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func domainOf(email string) string {
	_, domain, _ := strings.Cut(email, "@")
	return domain
}

// What goes wrong must not be told with what it went wrong on.
func TestOutageKeepsSecrets(t *testing.T) {
	t.Parallel() // most of the time it waits
	s := directustest.Start(t)
	kevin := s.CreateUser("Kevin", "")
	d := startDaemon(t, `
directus: {url: "`+s.URL+`"}
channels: [{name: "#messages", collection: `+s.Collection+`, fields: {nonce: nonce}}]
`)
	c := ircdtest.Dial(t, d.address)
	c.LoginPass("kevin", kevin.Email+":"+kevin.Password)
	c.Expect("* 366 * #messages *")
	s.Kill()
	c.Send("PRIVMSG #messages :typed in vain")
	c.Expect("* 404 * #messages *")

	during := ircdtest.Dial(t, d.address)
	during.Send("PASS "+kevin.Email+":"+kevin.Password, "NICK kevin", "USER kevin 0 * :Kevin")
	for _, line := range during.Closed() {
		if ircdtest.Match("* 464 *", line) {
			t.Errorf("an outage was told as a wrong password: %q", line)
		}
	}
	s.Restart()
	again := ircdtest.Dial(t, d.address)
	// Not by SASL, which is not offered before the daemon has looked whether Directus is back.
	again.LoginPass("kevin", kevin.Email+":"+kevin.Password)
	again.Expect("* 366 * #messages *")
	again.Send("CAP REQ :echo-message")
	again.Expect("* CAP * ACK *")
	d.log.waitFor(t, `"message":"realtime link up"`, 2)
	again.Send("PRIVMSG #messages :typed again")
	again.Expect("* PRIVMSG #messages :typed again")
	c.Expect("* PRIVMSG #messages :typed again")

	if err := d.end(); err != nil {
		t.Errorf("serve: %v", err)
	}
	for _, secret := range []string{kevin.Email, kevin.Password, "typed in vain", "typed again"} {
		if strings.Contains(d.log.String(), secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
