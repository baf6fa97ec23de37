package directustest_test

import (
	"net/http"
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
)

func TestMain(m *testing.M) { directustest.Main(m) }

// What was stored before a crash is there after it, at the same address.
func TestKillAndRestart(t *testing.T) {
	t.Parallel()
	s := directustest.Start(t, directustest.Env("ACCESS_TOKEN_TTL", "3s"))
	ada := s.CreateUser("Ada", "Lovelace")
	id := s.AddMessage(ada, "before")
	url := s.URL
	s.Kill()
	if err := s.Client().Ping(t.Context()); err == nil {
		t.Error("a killed Directus answers")
	}
	s.Restart()
	if s.URL != url {
		t.Errorf("after the restart it listens on %s, before on %s", s.URL, url)
	}
	s.AddMessage(ada, "after")
	got := s.Messages("id", "text", "user_created.first_name")
	if len(got) != 2 || got[0]["text"] != "before" || got[1]["text"] != "after" {
		t.Fatalf("got %v", got)
	}
	if user, _ := got[0]["user_created"].(map[string]any); user["first_name"] != "Ada" {
		t.Errorf("message %s has the author %v", id, got[0]["user_created"])
	}
}

func TestUsersOfTheSameName(t *testing.T) {
	s := directustest.Shared(t)
	a, b := s.CreateUser("Kevin", ""), s.CreateUser("Kevin", "")
	if a.ID == b.ID || a.Email == b.Email {
		t.Errorf("two calls made one user: %v, %v", a, b)
	}
	account, err := s.Client().Login(t.Context(), a.Email, a.Password, "")
	if err != nil {
		t.Fatal(err)
	}
	if account.ID() != a.ID {
		t.Errorf("logged in as %s instead of %s", account.ID(), a.ID)
	}
	if err := account.Logout(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRevoke(t *testing.T) {
	s := directustest.Shared(t)
	u := s.CreateUser("Mute", "")
	post := func() error {
		return s.Account(u).Do(t.Context(), http.MethodPost, "/items/"+s.Collection, nil, map[string]any{"text": "x"}, nil)
	}
	t.Run("revoked", func(t *testing.T) {
		directustest.Shared(t).Revoke(s.Collection, "create")
		if err := post(); err == nil || !strings.Contains(err.Error(), "FORBIDDEN") {
			t.Errorf("without permission: %v", err)
		}
	})
	if err := post(); err != nil {
		t.Errorf("with the permission given back: %v", err)
	}
}
