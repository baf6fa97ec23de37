package directus_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

func TestMain(m *testing.M) { directustest.Main(m) }

// A world is a Directus with a chat, real or fake: what the tests of the
// contract need of the other side.
type world interface {
	client() *directus.Client
	administrator() *directus.Account
	person(first string) person
	otpPerson() (person, func() string) // one with a second factor, and the code of the moment
	post(p person, text string) (id string)
	edit(id, text string)
	remove(id string)
	share() (token string)          // the access token of a share
	retoken(p person, token string) // "" takes it away
	revoke(action string)           // for everybody, until the end of the test
	// rules make "messages" refuse, see directustest.Refuses, and add "ledger", where
	// "must" is mandatory, and "handmade", whose keys have to be given.
	rules()
	kill()
	restart()
	texts() []string // everything stored
}

type person struct{ id, email, password, token string }

// A setting is the environment that a test of the contract asks for.
type setting struct {
	own  bool          // a Directus of its own, that it may kill
	ttl  time.Duration // ACCESS_TOKEN_TTL, unless zero
	mode string        // WEBSOCKETS_REST_AUTH, unless empty
	// cached: GETs are answered from a cache that nothing purges.
	cached bool
	// points: RATE_LIMITER_POINTS, of requests in a second, unless zero.
	points int
}

// everywhere runs a test of the contract on the fake, in a bubble, and on a
// real Directus unless -short is set.
func everywhere(t *testing.T, s setting, test func(*testing.T, world)) {
	t.Helper()
	t.Run("fake", func(t *testing.T) {
		inBubble(t, func(t *testing.T) {
			opts := directustest.FakeOptions{AccessTTL: s.ttl, Mode: s.mode, Cached: s.cached, RESTLimit: directustest.RateLimit{Points: s.points, Duration: time.Second}}
			test(t, &fakeWorld{t: t, rig: newRig(t, opts)})
		})
	})
	if testing.Short() {
		return
	}
	if s.own {
		t.Parallel() // most of the time it waits for its Directus
	}
	t.Run("real", func(t *testing.T) {
		if !s.own {
			test(t, &realWorld{t: t, s: directustest.Shared(t)})
			return
		}
		var options []directustest.Option
		if s.ttl != 0 {
			options = append(options, directustest.Env("ACCESS_TOKEN_TTL", s.ttl.String()))
		}
		if s.mode != "" {
			options = append(options, directustest.Env("WEBSOCKETS_REST_AUTH", s.mode))
		}
		if s.points != 0 {
			options = append(options, directustest.Env("RATE_LIMITER_ENABLED", "true"),
				directustest.Env("RATE_LIMITER_POINTS", fmt.Sprint(s.points)), directustest.Env("RATE_LIMITER_DURATION", "1"))
		}
		if s.cached {
			options = append(options, directustest.Cached())
		}
		test(t, &realWorld{t: t, s: directustest.Start(t, options...)})
	})
}

type fakeWorld struct {
	t       *testing.T
	rig     *rig
	persons []person
}

func (w *fakeWorld) client() *directus.Client { return w.rig.Client }

func (w *fakeWorld) person(first string) person {
	n := len(w.persons)
	p := person{email: fmt.Sprintf("p%d@example.com", n), password: fmt.Sprintf("password %d", n), token: fmt.Sprintf("token-%d", n)}
	p.id = w.rig.fake.AddUser(directustest.FakeUser{Email: p.email, Password: p.password, Token: p.token, FirstName: first})
	w.persons = append(w.persons, p)
	return p
}

func (w *fakeWorld) otpPerson() (person, func() string) {
	p := w.person("Otto")
	w.rig.fake.EditUser(p.id, func(u *directustest.FakeUser) { u.OTP = "123456" })
	return p, func() string { return "123456" }
}

func (w *fakeWorld) administrator() *directus.Account {
	w.rig.fake.AddUser(directustest.FakeUser{Token: "admin", Admin: true})
	a, err := w.client().LoginToken(w.t.Context(), "admin")
	must(w.t, err)
	return a
}

func (w *fakeWorld) rules() {
	w.rig.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text"}, Refuses: directustest.Refuses})
	w.rig.fake.AddCollection("ledger", directustest.FakeCollection{Fields: []string{"text", "must"}, Mandatory: []string{"must"}})
	w.rig.fake.AddCollection("handmade", directustest.FakeCollection{Fields: []string{"text"}, ByHand: true})
}

func (w *fakeWorld) post(p person, text string) string {
	return w.rig.fake.Insert("messages", p.id, map[string]any{"text": text})
}
func (w *fakeWorld) edit(id, text string) {
	w.rig.fake.Update("messages", id, map[string]any{"text": text})
}
func (w *fakeWorld) remove(id string) { w.rig.fake.Remove("messages", id) }
func (w *fakeWorld) kill()            { w.rig.fake.Down() }
func (w *fakeWorld) restart()         { w.rig.fake.Up() }

func (w *fakeWorld) share() string {
	w.rig.fake.AddShare("share")
	return "share"
}

func (w *fakeWorld) retoken(p person, token string) { w.rig.fake.SetToken(p.id, token) }

func (w *fakeWorld) revoke(action string) {
	for _, p := range w.persons {
		w.rig.fake.Deny(p.id, "messages", action)
	}
}

func (w *fakeWorld) texts() []string {
	var texts []string
	for _, it := range w.rig.fake.Items("messages") {
		texts = append(texts, it["text"].(string))
	}
	return texts
}

type realWorld struct {
	t      *testing.T
	s      *directustest.Server
	people map[string]directustest.User // by id
}

func (w *realWorld) client() *directus.Client { return w.s.Client() }

func (w *realWorld) person(first string) person {
	u := w.s.CreateUser(first, "")
	if w.people == nil {
		w.people = map[string]directustest.User{}
	}
	w.people[u.ID] = u
	return person{id: u.ID, email: u.Email, password: u.Password, token: u.StaticToken}
}

// otpPerson is the administrator, who alone may switch a second factor on
// without the Directus app.
func (w *realWorld) otpPerson() (person, func() string) {
	p := person{email: directustest.AdminEmail, password: directustest.AdminPassword}
	var made struct{ Secret string }
	w.s.Do(http.MethodPost, "/users/me/tfa/generate", nil, map[string]any{"password": p.password}, &made)
	code := func() string { return totp(w.t, made.Secret, time.Now()) }
	w.s.Do(http.MethodPost, "/users/me/tfa/enable", nil, map[string]any{"otp": code(), "secret": made.Secret}, nil)
	p.id = w.s.Admin().ID()
	return p, code
}

// totp is a code of RFC 6238 with its default parameters.
func totp(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	key, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	must(t, err)
	mac := hmac.New(sha1.New, key)
	must(t, binary.Write(mac, binary.BigEndian, uint64(at.Unix()/30)))
	sum := mac.Sum(nil)
	at4 := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at4:at4+4])&0x7fffffff%1_000_000)
}

func (w *realWorld) administrator() *directus.Account { return w.s.Admin() }

func (w *realWorld) rules() {
	w.s.Refuse(w.s.Collection)
	w.s.AddCollection("ledger", directustest.Key("id", "integer"), directustest.Field("text", "text"),
		directustest.Field("must", "string", map[string]any{"is_nullable": false}))
	w.s.AddCollection("handmade", directustest.Key("id", "string"), directustest.Field("text", "text"))
}

func (w *realWorld) post(p person, text string) string { return w.s.AddMessage(w.people[p.id], text) }

func (w *realWorld) path(id string) string {
	return "/items/" + w.s.Collection + "/" + url.PathEscape(id)
}

func (w *realWorld) edit(id, text string) {
	w.s.Do(http.MethodPatch, w.path(id), nil, map[string]any{"text": text}, nil)
}
func (w *realWorld) remove(id string)     { w.s.Do(http.MethodDelete, w.path(id), nil, nil, nil) }
func (w *realWorld) revoke(action string) { w.s.Revoke(w.s.Collection, action) }

func (w *realWorld) share() string {
	id := w.post(w.person("Ada"), "shared")
	var made struct{ ID string }
	w.s.Do(http.MethodPost, "/shares", nil, map[string]any{"collection": w.s.Collection, "item": id}, &made)
	var session struct {
		Token string `json:"access_token"`
	}
	w.s.Do(http.MethodPost, "/shares/auth", nil, map[string]any{"share": made.ID, "mode": "json"}, &session)
	return session.Token
}

func (w *realWorld) retoken(p person, token string) {
	value := any(token)
	if token == "" {
		value = nil
	}
	w.s.UpdateUser(w.people[p.id], map[string]any{"token": value})
}
func (w *realWorld) kill()    { w.s.Kill() }
func (w *realWorld) restart() { w.s.Restart() }

func (w *realWorld) texts() []string {
	var texts []string
	for _, it := range w.s.Messages("text") {
		text, _ := it["text"].(string)
		texts = append(texts, text)
	}
	return texts
}
