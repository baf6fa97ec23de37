package bridge_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// fakeStack is the daemon before a fake Directus, all in memory.
func fakeStack(t *testing.T, opts directustest.FakeOptions, change func(*bridge.Options), channels ...collection.Config) (*directustest.Fake, *ircdtest.Listener, *directus.Client) {
	fake := directustest.NewFake(t, opts)
	client := directus.New(fake.URL(), directus.Options{NetDial: fake.Dial, Logger: logger(t)})
	t.Cleanup(client.Close)
	listener := ircdtest.NewListener()
	if len(channels) == 0 {
		channels = []collection.Config{messages("messages")}
	}
	startOn(t, listener, client, change, channels...)
	return fake, listener, client
}

// Hundreds of connects and disconnects of every kind leave nothing behind: no
// goroutine here, no session and no socket at Directus.
func TestNothingIsLeftBehind(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		channel := messages("messages")
		channel.AutoJoin = true
		fake, listener, client := fakeStack(t, directustest.FakeOptions{}, nil, channel)
		for _, name := range []string{"ada", "bob", "eve"} {
			fake.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: name, FirstName: name})
		}
		round := func(n int) {
			for i := range n {
				name := []string{"ada", "bob", "eve"}[i%3]
				c := listener.Dial(t)
				switch i % 5 {
				case 0: // hangs up before the login
					c.Send("NICK x")
				case 1: // hangs up during the login
					c.Send("PASS "+name+"@example.com:"+name, "NICK x", "USER x 0 * :x")
				case 2: // wrong password
					c.Send("PASS "+name+"@example.com:wrong", "NICK x", "USER x 0 * :x")
					c.Closed()
				case 3: // says good-bye
					c.LoginPass("x", name+"@example.com:"+name)
					c.Send("PRIVMSG #messages :hello", "QUIT")
					c.Closed()
				case 4: // disappears
					c.LoginPass("x", name+"@example.com:"+name)
				}
				c.Close()
			}
			time.Sleep(time.Minute) // the last of each user is waited for
			synctest.Wait()
			client.Close() // the pool of idle connections is meant to stay
			synctest.Wait()
		}
		round(15)
		before := runtime.NumGoroutine()
		round(300)
		if after := runtime.NumGoroutine(); after > before {
			buf := make([]byte, 1<<20)
			t.Errorf("%d goroutines, then %d\n%s", before, after, buf[:runtime.Stack(buf, true)])
		}
		if sessions, sockets := fake.Sessions(), fake.Sockets(); sessions != 0 || sockets != 0 {
			t.Errorf("%d sessions and %d sockets at Directus", sessions, sockets)
		}
	})
}

// addFake adds a user whose e-mail and password are made of the name.
func addFake(f *directustest.Fake, name string) string {
	return f.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: name, FirstName: name})
}

// rejoin logs such a user in and enters the channel.
func rejoin(t *testing.T, l *ircdtest.Listener, name string) *ircdtest.Client {
	c := l.Dial(t)
	c.Name = name
	c.LoginPass("x", name+"@example.com:"+name)
	c.Send("JOIN #messages")
	c.Expect("* 366 *")
	c.Sync()
	return c
}
