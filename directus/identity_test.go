package directus_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// isOther fails the test unless an error says that the account is over because its
// credentials are another user's.
func isOther(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, directus.ErrOtherUser) || !errors.Is(err, directus.ErrLoggedOut) {
		t.Errorf("%s: %v", what, err)
	}
}

// swap gives two users each other's static tokens.
func swap(w world, a, b person) {
	w.retoken(a, "")
	w.retoken(b, a.token)
	w.retoken(a, b.token)
}

func TestTokensSwapped(t *testing.T) {
	everywhere(t, setting{}, func(t *testing.T, w world) {
		for what, ask := range map[string]func(*directus.Account, person) error{
			"check": func(a *directus.Account, _ person) error { return a.Check(t.Context()) },
			"myself": func(a *directus.Account, _ person) error {
				_, err := a.Me(t.Context(), []string{"id", "first_name"})
				return err
			},
			"write": func(a *directus.Account, p person) error {
				return a.Do(t.Context(), "PATCH", "/items/messages/"+w.post(p, "mine"), nil, map[string]any{"text": "wrong"}, nil)
			},
			"link": func(a *directus.Account, _ person) error { return run(t, a).end(patience) },
		} {
			ada, bob := w.person("Ada"), w.person("Bob")
			a, err := w.client().LoginToken(t.Context(), ada.token)
			must(t, err)
			swap(w, ada, bob)
			isOther(t, what, ask(a, bob))
			isOther(t, what+", then", a.Check(t.Context()))
			b, err := w.client().LoginToken(t.Context(), ada.token)
			must(t, err)
			if b.ID() != bob.id {
				t.Errorf("%s: the token logs %s in", what, b.ID())
			}
		}
		for _, text := range w.texts() {
			if text == "wrong" {
				t.Error("wrote as another user")
			}
		}
	})
}

// A token passes to another user while a socket is being authenticated with it: when it
// is opened, and when it is authenticated anew. Neither an event nor a request of that
// socket gets through, though Directus takes both.
func TestSocketOfAnotherUser(t *testing.T) {
	for _, mode := range []string{"handshake", "strict"} {
		for _, open := range []bool{true, false} {
			bubble(t, directustest.FakeOptions{Mode: mode}, func(r *rig) {
				ada := r.fake.AddUser(directustest.FakeUser{Token: "t"})
				bob := r.fake.AddUser(directustest.FakeUser{})
				a, err := r.LoginToken(r.t.Context(), "t")
				must(r.t, err)
				l := run(r.t, a)
				l.up()
				tail := follow(r.t, l.Realtime, "messages")
				tail.active()
				pass := func() {
					r.fake.SetToken(ada, "")
					r.fake.SetToken(bob, "t")
				}
				passed := make(chan struct{})
				if open {
					pass()
					r.fake.Cut()
				} else {
					r.fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
						if f.Type == "auth" {
							pass()
							close(passed)
							go r.fake.Insert("messages", bob, map[string]any{"text": "for bob"})
							go func() { _ = create(r.t, l.Realtime, "of ada") }()
						}
						return directustest.FrameVerdict{}
					})
					r.fake.OnREST(func(q directustest.RESTRequest) (v directustest.RESTVerdict) {
						select {
						case <-passed: // time for what must not get through
							v.Delay = time.Second
						default:
						}
						return v
					})
					must(r.t, a.Check(r.t.Context()))
				}
				isOther(r.t, "the link", l.end(patience))
				synctest.Wait()
				if events, _ := tail.sub.Drain(); len(events) > 0 {
					r.t.Errorf("%d events of another user", len(events))
				}
				for _, it := range r.fake.Items("messages") {
					if it["text"] == "of ada" {
						r.t.Errorf("%v was written as another user", it)
					}
				}
			})
		}
	}
}

// A session that is another user's when it is renewed is ended, at Directus too.
func TestRefreshOfAnotherUser(t *testing.T) {
	bubble(t, directustest.FakeOptions{}, func(r *rig) {
		a := r.login()
		r.fake.PassSessions(a.ID(), r.fake.AddUser(directustest.FakeUser{}))
		isOther(r.t, "check", a.Check(r.t.Context()))
		isOther(r.t, "a request", a.Do(r.t.Context(), "GET", "/items/messages", nil, nil, nil))
		if n := r.fake.Sessions(); n != 0 {
			r.t.Errorf("%d sessions are left", n)
		}
	})
}

// Directus answers 200 to who asks by the token of a share who that is, and names nobody.
func TestShareIsNoUser(t *testing.T) {
	everywhere(t, setting{}, func(t *testing.T, w world) {
		_, err := w.client().LoginToken(t.Context(), w.share())
		if !errors.Is(err, directus.ErrNoUser) || errors.Is(err, directus.ErrUnavailable) {
			t.Errorf("logged in as a share: %v", err)
		}
	})
}
