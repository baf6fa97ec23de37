package directus_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"directus-ircd/directus"
)

// enter logs a person in.
func enter(t *testing.T, w world, p person) *directus.Account {
	t.Helper()
	a, err := w.client().Login(t.Context(), p.email, p.password, "")
	if err != nil {
		t.Fatalf("log in: %v", err)
	}
	if a.ID() != p.id {
		t.Errorf("logged in as %s, want %s", a.ID(), p.id)
	}
	return a
}

func TestLogin(t *testing.T) {
	everywhere(t, setting{}, func(t *testing.T, w world) {
		kevin := w.person("Kevin")
		refused := map[string]struct{ email, password, code string }{
			"wrong password": {kevin.email, "wrong", directus.CodeInvalidCredentials},
			"unknown user":   {"nobody@example.com", "x", directus.CodeInvalidCredentials},
			"no e-mail":      {"kevin", "x", directus.CodeInvalidPayload},
			"no password":    {kevin.email, "", directus.CodeInvalidPayload},
		}
		for name, tt := range refused {
			_, err := w.client().Login(t.Context(), tt.email, tt.password, "")
			if !directus.IsCode(err, tt.code) || errors.Is(err, directus.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, token := range []string{"", "nonsense", "ä ö", "a\r\nb", "\x00", kevin.token + "x"} {
			if _, err := w.client().LoginToken(t.Context(), token); !directus.IsCode(err, directus.CodeInvalidCredentials) {
				t.Errorf("token %q: %v", token, err)
			}
		}
		byToken, err := w.client().LoginToken(t.Context(), kevin.token)
		must(t, err)
		for form, a := range map[string]*directus.Account{"password": enter(t, w, kevin), "token": byToken} {
			if a.ID() != kevin.id {
				t.Errorf("by %s: user %s", form, a.ID())
			}
			me, err := a.Me(t.Context(), []string{"id", "first_name"})
			if err != nil || me.ID() != kevin.id || me.String("first_name") != "Kevin" {
				t.Errorf("by %s: %v, %v", form, me, err)
			}
			must(t, a.Logout(t.Context()))
			if _, _, err := a.Token(t.Context()); !errors.Is(err, directus.ErrLoggedOut) {
				t.Errorf("by %s, after the logout: %v", form, err)
			}
		}
	})
}

func TestSecondFactor(t *testing.T) {
	everywhere(t, setting{}, func(t *testing.T, w world) {
		p, code := w.otpPerson()
		for _, otp := range []string{"", "000000"} {
			if _, err := w.client().Login(t.Context(), p.email, p.password, otp); !directus.IsCode(err, directus.CodeInvalidOTP) {
				t.Errorf("code %q: %v", otp, err)
			}
		}
		asked := time.Now()
		a, err := w.client().Login(t.Context(), p.email, p.password, code())
		if err != nil && time.Now().Unix()/30 != asked.Unix()/30 { // the code has expired on its way
			a, err = w.client().Login(t.Context(), p.email, p.password, code())
		}
		must(t, err)
		if a.ID() != p.id {
			t.Errorf("user %s, want %s", a.ID(), p.id)
		}
	})
}

// The refresh token rotates, and a logout ends it.
func TestRefreshRotation(t *testing.T) {
	everywhere(t, setting{own: true, ttl: 3 * time.Second}, func(t *testing.T, w world) {
		a := enter(t, w, w.person("Kevin"))
		seen := map[string]bool{}
		first := a.RefreshToken()
		for range 4 {
			token, expires, err := a.Token(t.Context())
			if err != nil || !time.Now().Before(expires) {
				t.Fatalf("token until %v: %v", expires, err)
			}
			seen[token] = true
			var items []json.RawMessage
			must(t, a.Items(t.Context(), "messages", directus.Query{}, &items))
			<-time.After(2500 * time.Millisecond)
		}
		if len(seen) != 4 {
			t.Errorf("%d tokens in 10 s of 3 s each", len(seen))
		}
		last := a.RefreshToken()
		if err := w.client().TryRefresh(t.Context(), first); !directus.IsCode(err, directus.CodeInvalidCredentials) {
			t.Errorf("a refresh token that was used already: %v", err)
		}
		must(t, a.Logout(t.Context()))
		if err := w.client().TryRefresh(t.Context(), last); !directus.IsCode(err, directus.CodeInvalidCredentials) {
			t.Errorf("the refresh token after the logout: %v", err)
		}
		var items []json.RawMessage
		if err := a.Items(t.Context(), "messages", directus.Query{}, &items); !errors.Is(err, directus.ErrLoggedOut) {
			t.Errorf("after the logout: %v", err)
		}
	})
}

// One's own create arrives as an event too, as do the later changes.
func TestEvents(t *testing.T) {
	for _, mode := range []string{directus.ModeHandshake, directus.ModeStrict} {
		t.Run(mode, func(t *testing.T) {
			everywhere(t, setting{own: mode == directus.ModeStrict, mode: mode}, func(t *testing.T, w world) {
				kevin, stuart := w.person("Kevin"), w.person("Stuart")
				l := run(t, enter(t, w, kevin))
				tl := follow(t, l.Realtime, "messages", directus.EventCreate, directus.EventUpdate, directus.EventDelete)
				tl.active()
				raw, err := l.Create(t.Context(), "messages", map[string]any{"text": "mine"}, []string{"id", "text", "user_created"})
				must(t, err)
				var stored struct {
					ID     json.RawMessage
					Text   string
					Author string `json:"user_created"`
				}
				must(t, json.Unmarshal(raw, &stored))
				if stored.Text != "mine" || stored.Author != kevin.id {
					t.Errorf("stored %s", raw)
				}
				tl.until("echo", func() bool { return slices.Equal(tl.texts(), []string{"mine"}) })
				id := w.post(stuart, "his")
				tl.until("create", func() bool { return slices.Equal(tl.texts(), []string{"mine", "his"}) })
				w.edit(id, "his, edited")
				tl.until("update", func() bool { return slices.Equal(tl.texts(), []string{"mine", "his", "his, edited"}) })
				w.remove(id)
				tl.until("delete", func() bool { return len(tl.events) == 4 })
				last := tl.events[3]
				if last.Kind != directus.EventDelete || !slices.Equal(last.Keys, []string{id}) {
					t.Errorf("got %+v, want the deletion of %s", last, id)
				}
				if tl.gaps != 1 {
					t.Errorf("%d gaps", tl.gaps)
				}
			})
		})
	}
}

// Changes over the socket address one item by its key as text.
func TestUpdateAndDeleteOverTheSocket(t *testing.T) {
	everywhere(t, setting{}, func(t *testing.T, w world) {
		a := w.administrator() // the chat role may not
		kevin, before := w.person("Kevin"), w.texts()
		keep, change := w.post(kevin, "keep"), w.post(kevin, "change")
		l := run(t, a)
		l.up()
		raw, err := l.Update(t.Context(), "messages", change, map[string]any{"text": "changed"})
		if err != nil || textOf(t, raw) != "changed" {
			t.Errorf("update: %s, %v", raw, err)
		}
		if got := w.texts(); !slices.Equal(got, slices.Concat(before, []string{"keep", "changed"})) {
			t.Errorf("stored %q", got)
		}
		must(t, l.Delete(t.Context(), "messages", keep))
		if got := w.texts(); !slices.Equal(got, slices.Concat(before, []string{"changed"})) {
			t.Errorf("stored %q", got)
		}
	})
}

func TestRefusals(t *testing.T) {
	everywhere(t, setting{}, func(t *testing.T, w world) {
		kevin := w.person("Kevin")
		a := enter(t, w, kevin)
		l := run(t, a)
		l.up()
		nonce := "n-" + kevin.id
		item := map[string]any{"text": "once", "nonce": nonce}
		_, err := l.Create(t.Context(), "messages", item, []string{"id"})
		must(t, err)
		if _, err = l.Create(t.Context(), "messages", item, []string{"id"}); !directus.IsCode(err, directus.CodeRecordNotUnique) {
			t.Errorf("the same nonce: %v", err)
		}
		var items []json.RawMessage
		must(t, a.Items(t.Context(), "messages", directus.Query{Fields: []string{"id"}, Filter: directus.Eq("nonce", nonce)}, &items))
		if len(items) != 1 {
			t.Errorf("%d items with one nonce", len(items))
		}
		if _, err = l.Create(t.Context(), "nowhere", item, nil); !directus.IsCode(err, directus.CodeForbidden) &&
			!directus.IsCode(err, directus.CodeInvalidCollection) {
			t.Errorf("unknown collection: %v", err)
		}
		if err := a.Items(t.Context(), "nowhere", directus.Query{}, &items); !directus.IsCode(err, directus.CodeForbidden) {
			t.Errorf("REST, unknown collection: %v", err)
		}
		bad := directus.Query{Filter: directus.Filter{"text": directus.Filter{"_bogus": 1}}}
		if err := a.Items(t.Context(), "messages", bad, &items); err != nil && !directus.IsCode(err, directus.CodeInvalidQuery) {
			t.Errorf("REST, unknown operator: %v", err)
		}
		if err := a.Do(t.Context(), "GET", "/no/such/route", nil, nil, nil); !directus.IsCode(err, directus.CodeRouteNotFound) {
			t.Errorf("REST, unknown route: %v", err)
		}
		w.revoke("create")
		if _, err = l.Create(t.Context(), "messages", map[string]any{"text": "no"}, []string{"id"}); !directus.IsCode(err, directus.CodeForbidden) {
			t.Errorf("without the right: %v", err)
		}
		if s := l.State(); !s.Up {
			t.Errorf("refusals cost the link: %v", s.Err)
		}
	})
}

// Keyset paging forth and back sees every item once.
func TestPaging(t *testing.T) {
	everywhere(t, setting{own: true}, func(t *testing.T, w world) {
		kevin := w.person("Kevin")
		var want []string
		for i := range 23 {
			want = append(want, w.post(kevin, fmt.Sprint(i)))
		}
		a := enter(t, w, kevin)
		type row struct {
			ID   json.Number
			Date string `json:"date_created"`
		}
		onward := map[string]string{"": "_gt", "-": "_lt"}
		for direction, sign := range map[string]string{"forth": "", "back": "-"} {
			var got []string
			var filter directus.Filter
			for {
				var rows []row
				must(t, a.Items(t.Context(), "messages", directus.Query{
					Fields: []string{"id", "date_created"}, Filter: filter, Limit: 5,
					Sort: []string{sign + "date_created", sign + "id"},
				}, &rows))
				for _, r := range rows {
					got = append(got, r.ID.String())
				}
				if len(rows) < 5 {
					break
				}
				last := rows[len(rows)-1]
				filter = directus.Or(
					directus.Compare("date_created", onward[sign], last.Date),
					directus.And(directus.Eq("date_created", last.Date), directus.Compare("id", onward[sign], last.ID)),
				)
			}
			if sign == "-" {
				slices.Reverse(got)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: got %q, want %q", direction, got, want)
			}
		}
	})
}

func TestUsersAndInfo(t *testing.T) {
	everywhere(t, setting{}, func(t *testing.T, w world) {
		kevin, stuart := w.person("Kevin"), w.person("Stuart")
		a := enter(t, w, kevin)
		users, err := a.Users(t.Context(), directus.Query{
			Fields: []string{"id", "first_name"}, Filter: directus.Compare("id", "_in", []string{kevin.id, stuart.id}),
			Sort: []string{"first_name"},
		})
		if err != nil || len(users) != 2 || users[0].String("first_name") != "Kevin" || users[1].ID() != stuart.id {
			t.Errorf("users %v, %v", users, err)
		}
		info, err := a.Info(t.Context())
		if err != nil || info.Major() < 10 || !info.WebSocket.Enabled || info.WebSocket.Path != "/websocket" ||
			info.WebSocket.Heartbeat != 30*time.Second {
			t.Errorf("info %+v, %v", info, err)
		}
		must(t, w.client().Ping(t.Context()))
	})
}
