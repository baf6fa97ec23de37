package directustest_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
)

// What is stored outlives the failure of each part of the deployment that the chosen database has, at the same address.
func TestPartsFail(t *testing.T) {
	s := directustest.Shared(t)
	ada := s.CreateUser("Ada", "Parts")
	type failure struct {
		name   string
		commit func()
	}
	var failures []failure
	if s.Database() != directustest.SQLite {
		failures = append(failures, failure{"database restarted", func() { s.StopDatabase(); s.StartDatabase() }})
	}
	if s.Database() == directustest.Cluster {
		failures = append(failures,
			failure{"one Directus killed", func() { s.KillNode(0) }},
			failure{"both Directus back", s.StartNodes},
			failure{"the other Directus killed", func() { s.KillNode(1); s.StartNodes() }},
			failure{"Redis restarted", func() { s.StopRedis(); s.StartRedis() }},
			failure{"proxy reloaded", s.ReloadProxy})
	}
	for i, f := range failures {
		f.commit()
		text := fmt.Sprint(f.name, i)
		awaitItem(t, s, ada, text)
		stored := s.Messages("text")
		if last := stored[len(stored)-1]["text"]; last != text {
			t.Errorf("%s: the last message is %v", f.name, last)
		}
	}
}

// awaitItem stores a message as soon as Directus does so: it connects to its database again when it is asked.
func awaitItem(t *testing.T, s *directustest.Server, u directustest.User, text string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for begin := time.Now(); ; <-tick.C {
		err := s.Account(u).Do(t.Context(), http.MethodPost, "/items/"+s.Collection, nil, map[string]any{"text": text}, nil)
		if err == nil {
			return
		}
		if time.Since(begin) > time.Minute {
			t.Fatalf("%s: %v", text, err)
		}
	}
}
