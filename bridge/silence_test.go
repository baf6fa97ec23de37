package bridge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A paste while Directus takes requests without answering them does not hold
// up the PING behind it.
func TestPasteWhileSilent(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		addFake(fake, "ada")
		c := rejoin(t, l, "ada")
		for _, trouble := range []func(){func() { fake.Database(false) }, func() { fake.Down() }} {
			trouble()
			time.Sleep(time.Minute)
			begin := time.Now()
			for i := range 20 {
				c.Send(fmt.Sprintf("PRIVMSG #messages :pasted %d", i))
			}
			if refused := strings.Count(strings.Join(c.Sync(), "\n"), " 404 "); refused != 20 {
				t.Errorf("told of %d of 20", refused)
			}
			if took := time.Since(begin); took > 20*time.Second {
				t.Errorf("PING waited %v", took)
			}
		}
		c.Close()
	})
}

// A replaced static token, and a new login of the same user.
func TestNewLoginAfterRevokedToken(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := fake.AddUser(directustest.FakeUser{Email: "ada@example.com", Password: "ada", FirstName: "ada", Token: "old-token"})
		fake.Insert("messages", ada, map[string]any{"text": "older"})
		old := l.dial(t)
		old.LoginPass("x", "old-token")
		old.Send("JOIN #messages")
		old.Expect("* 366 *")
		old.Sync()
		fake.SetToken(ada, "new-token")
		c := l.dial(t)
		c.LoginPass("x", "new-token")
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		time.Sleep(time.Second)
		got := c.Sync()
		if !strings.Contains(strings.Join(got, "\n"), "older") {
			t.Errorf("no backlog: %q", got)
		}
		time.Sleep(10 * time.Minute)
		c.Send("PING :x")
		c.Expect("* PONG *")
		old.Close()
		c.Close()
	})
}

func TestLoginWithQueryLimitMax(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, l, _ := fakeStack(t, directustest.FakeOptions{QueryLimitMax: 50}, nil)
		ada := addFake(fake, "ada")
		_ = ada
		c := l.dial(t)
		c.Send("PASS ada@example.com:ada", "NICK x", "USER x 0 * :x")
		c.Expect("* 001 *")
		c.Close()
	})
}
