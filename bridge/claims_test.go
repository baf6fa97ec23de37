package bridge_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// restarts is a chat whose daemon comes and goes, and who had which nick in all of its
// lives.
type restarts struct {
	*chat
	opts   bridge.Options
	dir    string            // empty: nothing is kept
	owners map[string]string // ids by folded nick
}

// newRestarts runs inside of a bubble.
func newRestarts(t *testing.T, dir string) *restarts {
	r := &restarts{dir: dir, owners: map[string]string{}}
	r.chat = newChat(t, func(o *bridge.Options) {
		o.Private = &privateMessages
		r.opts = *o
	})
	r.fake.AddCollection("private_messages", directustest.FakeCollection{
		Fields: []string{"text", "recipient", "nonce"}, Unique: []string{"nonce"},
		Relations: map[string]string{"recipient": "directus_users"},
	})
	r.start(r.client)
	t.Cleanup(r.stop)
	return r
}

func (r *restarts) stop() {
	if r.backend == nil {
		return
	}
	if err := r.backend.Close(context.Background()); err != nil {
		r.t.Error(err)
	}
	r.backend = nil
}

// start begins a daemon on a Directus.
func (r *restarts) start(client *directus.Client) {
	r.t.Helper()
	state, err := bridge.OpenState(r.dir, r.opts.Logger)
	if err != nil {
		r.t.Fatal(err)
	}
	opts := r.opts
	opts.State, opts.DigestRounds, opts.Client = state, 1, client
	if r.backend, err = bridge.New(opts); err != nil {
		r.t.Fatal(err)
	}
}

func (r *restarts) restart() {
	r.t.Helper()
	r.stop()
	r.start(r.client)
}

// add makes a user with the id as the password and the static token.
func (r *restarts) add(id, name string) string {
	id = r.fake.AddUser(directustest.FakeUser{ID: id, FirstName: name})
	r.fake.EditUser(id, func(u *directustest.FakeUser) { u.Email, u.Password, u.Token = id+"@example.com", id, id })
	return id
}

func (r *restarts) rename(id, name string) {
	r.fake.EditUser(id, func(u *directustest.FakeUser) { u.FirstName = name })
}

// enter logs a user in, by the token: of a password a slow hash would be kept.
func (r *restarts) enter(id string) fullSession {
	r.t.Helper()
	s, err := full(r.backend.Login(r.t.Context(), ircd.Credentials{Account: "token", Secret: id}))
	if err != nil {
		r.t.Fatalf("log in %s: %v", id, err)
	}
	r.had(id, s.User().Nick)
	if err := s.Start(r.t.Context(), ircd.JoinOptions{}); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// had notes that a user was shown by a nick.
func (r *restarts) had(id, nick string) {
	r.t.Helper()
	nick = wire.Fold(nick)
	if other := r.owners[nick]; other != "" && other != id {
		r.t.Errorf("%s was %s and is now %s", nick, other, id)
	}
	r.owners[nick] = id
}

// find looks a nick up for somebody; the id is empty if there is none.
func (r *restarts) find(s fullSession, nick string) (id string) {
	r.t.Helper()
	u, err := s.Lookup(r.t.Context(), nick)
	if err != nil {
		r.t.Errorf("%s: %v", nick, err)
	}
	if u == nil {
		return ""
	}
	if wire.Fold(u.Nick) != wire.Fold(nick) {
		r.t.Errorf("%s is found as %s", nick, u.Nick)
	}
	r.had(u.ID, u.Nick)
	return u.ID
}

// leave ends a session, and the member that lingers.
func (r *restarts) leave(sessions ...fullSession) {
	r.t.Helper()
	for _, s := range sessions {
		closeSession(r.t, s)
	}
	time.Sleep(time.Minute)
}

// sameNick are names that make one nick.
var sameNick = [][2]string{
	{"Søren", "Soren"}, {"Jean Luc", "jean_luc"}, {"Ada", "\u0410da"}, {"Ádá", "Ada."}, {":Kevin", "Kevin"},
	{"KEVIN", "kevin"}, {"O'Neil", "ONeil"}, {"ev\u200bil", "Evil"}, {"José  Núñez", "Jose Nunez"}, {"4chan", "_4chan"},
}

func kinds(t *testing.T, run func(t *testing.T, dir string)) {
	for _, kept := range []bool{true, false} {
		t.Run(fmt.Sprintf("kept %v", kept), func(t *testing.T) {
			dir := ""
			if kept {
				dir = t.TempDir()
			}
			ircdtest.Bubble(t, func(t *testing.T) { run(t, dir) })
		})
	}
}

// Of two whose names make one nick nobody has the plain one, whoever comes first, after
// a restart too.
func TestSameNickAfterRestart(t *testing.T) {
	for _, names := range sameNick {
		t.Run(names[0], func(t *testing.T) {
			kinds(t, func(t *testing.T, dir string) {
				r := newRestarts(t, dir)
				a, b := r.add("", names[0]), r.add("", names[1])
				nicks := map[string]string{}
				for _, order := range [][]string{{a, b}, {b, a}, {b}, {a}} {
					for _, id := range order {
						s := r.enter(id)
						nick := s.User().Nick
						if was := nicks[id]; was != "" && was != nick {
							t.Errorf("%s was %s", nick, was)
						}
						nicks[id] = nick
						r.find(s, names[0])
						r.find(s, names[1])
						for other, nick := range nicks {
							if got := r.find(s, nick); got != other {
								t.Errorf("%s finds %q", nick, got)
							}
						}
					}
					r.restart()
				}
			})
		})
	}
}

// Without the right to read others' names, too, a nick stays the one's who had it.
func TestSameNickUnread(t *testing.T) {
	for what, limit := range map[string]func(f *directustest.Fake, user string){
		"oneself": func(f *directustest.Fake, user string) {
			f.Restrict(user, "directus_users", map[string]any{"id": map[string]any{"_eq": "$CURRENT_USER"}})
		},
		"nothing": noUsers, "ids": readUsers("id"), "by a rule": usersByRule,
	} {
		t.Run(what, func(t *testing.T) {
			kinds(t, func(t *testing.T, dir string) {
				r := newRestarts(t, dir)
				ids := []string{r.add("", "Søren"), r.add("", "Soren"), r.add("", "soren.")}
				for _, id := range ids {
					limit(r.fake, id)
				}
				for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1}, {1, 0, 2}} {
					for _, i := range order {
						r.enter(ids[i])
					}
					r.restart()
				}
			})
		})
	}
}

// The nick of who was renamed or deleted is nobody else's.
func TestNickOfTheGone(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRestarts(t, t.TempDir())
		ada, other := r.add("", "Ada"), r.add("", "Bob")
		r.leave(r.enter(ada))
		r.rename(ada, "Augusta")
		r.rename(other, "Adá")
		s := r.enter(other)
		if got := s.User().Nick; got == "Ada" {
			t.Error("the old nick went to another")
		}
		if got := r.find(s, "Ada"); got != "" {
			t.Errorf("the old nick is that of %s", got)
		}
		if got := r.find(s, "Augusta"); got != ada {
			t.Errorf("the new nick is that of %q", got)
		}
		r.restart()
		if got := r.enter(ada).User().Nick; got != "Augusta" {
			t.Errorf("the renamed is called %s", got)
		}
		r.restart()
		r.fake.RemoveUser(ada)
		third := r.add("", "augusta")
		s = r.enter(third)
		if got := s.User().Nick; got == "augusta" {
			t.Error("the nick of who was deleted went to another")
		}
		if got := r.find(s, "Augusta"); got != "" {
			t.Errorf("who was deleted is %s", got)
		}
	})
}

// kill ends the daemon without a moment for anything, and begins one with what it has left
// on the disk.
func (r *restarts) kill() {
	r.t.Helper()
	synctest.Wait()
	left := r.t.TempDir()
	if err := os.CopyFS(left, os.DirFS(r.dir)); err != nil {
		r.t.Fatal(err)
	}
	r.dir = left
	r.restart()
}

// A nick that anybody was told stays its user's though the daemon is killed at that
// moment, just after it has written something else.
func TestNickOfTheKilled(t *testing.T) {
	for what, told := range map[string]func(r *restarts, watcher fullSession, ada string) (nick string){
		"login": func(r *restarts, _ fullSession, ada string) string { return r.enter(ada).User().Nick },
		"look-up": func(r *restarts, watcher fullSession, ada string) string {
			if got := r.find(watcher, "Ada"); got != ada {
				r.t.Errorf("Ada is %q", got)
			}
			return "Ada"
		},
		"message": func(r *restarts, watcher fullSession, ada string) string {
			if _, err := watcher.Join(r.t.Context(), "#messages", ircd.JoinOptions{}); err != nil {
				r.t.Fatal(err)
			}
			r.fake.Insert("messages", ada, map[string]any{"text": "hello"})
			return polled[*ircd.Message](r.t, watcher)[0].From.Nick
		},
	} {
		t.Run(what, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				r := newRestarts(t, t.TempDir())
				ada := r.add("", "Ada")
				watcher := r.enter(r.add("", "Watcher"))
				if nick := told(r, watcher, ada); nick != "Ada" {
					t.Fatalf("called %s", nick)
				}
				r.kill()
				r.rename(ada, "Augusta")
				other := r.add("", "Adá")
				if nick := r.enter(other).User().Nick; wire.Fold(nick) == "ada" {
					t.Error("the nick went to another")
				}
			})
		})
	}
}

// What the people of another Directus are called does not count, and is not forgotten.
func TestNicksOfAnotherDirectus(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRestarts(t, t.TempDir())
		other := directus.New(&url.URL{Scheme: "http", Host: "other.test"}, directus.Options{NetDial: r.fake.Dial, Logger: logger(t)})
		t.Cleanup(other.Close)
		ada := r.add("", "Ada")
		r.enter(ada)
		r.rename(ada, "Augusta")
		r.stop()
		r.owners = map[string]string{}
		r.start(other)
		bob := r.add("", "Ada")
		if got := r.enter(bob).User().Nick; got != "Ada" {
			t.Errorf("called %s", got)
		}
		r.stop()
		r.owners = map[string]string{}
		r.start(r.client)
		if got := r.enter(bob).User().Nick; got == "Ada" {
			t.Error("the nick went to another")
		}
	})
}
