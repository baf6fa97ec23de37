package bridge_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// feeds waits until as many feeds are open.
func (s *stack) feeds(want int) {
	s.t.Helper()
	tick, limit := time.NewTicker(10*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for s.backend.Stats().Feeds != want {
		select {
		case <-tick.C:
		case <-limit:
			s.t.Fatalf("%d feeds are open, want %d", s.backend.Stats().Feeds, want)
		}
	}
}

// One reading serves everybody, an administrator too, and goes on whatever becomes
// of the one whose session it is: the others miss, double and reorder nothing.
func TestRealSharing(t *testing.T) {
	dx := ownServer(t)
	s := start(t, dx, often)
	boss := ircdtest.Dial(t, s.address)
	boss.Send("PASS "+directustest.AdminToken, "NICK x", "USER x 0 * x", "JOIN #messages")
	boss.Expect("* 366 *")
	leader := boss
	var wrote []string
	total := 0
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for name, leave := range map[string]func(directustest.User, *ircdtest.Client){
		"gone":      func(_ directustest.User, c *ircdtest.Client) { c.Send("QUIT") },
		"suspended": func(u directustest.User, _ *ircdtest.Client) { dx.UpdateUser(u, map[string]any{"status": "suspended"}) },
		"deleted":   func(u directustest.User, _ *ircdtest.Client) { dx.Do(http.MethodDelete, "/users/"+u.ID, nil, nil, nil) },
		"demoted":   func(u directustest.User, _ *ircdtest.Client) { dx.UpdateUser(u, map[string]any{"role": nil}) },
	} {
		u := dx.CreateUser("Ada", "")
		c, _ := s.join(u, "#messages")
		s.feeds(1)
		if leader != nil { // from here on users without all rights lead
			leader.Send("QUIT")
			leader = nil
		}
		reader, _ := s.join(dx.CreateUser("Eve", ""), "#messages")
		wrote = wrote[:0]
		for i := range 60 {
			if i == 20 {
				leave(u, c)
			}
			wrote = append(wrote, fmt.Sprintf("%s %d", name, i))
			office(dx, wrote[i])
			<-pace.C
		}
		if got := readTo(reader, wrote[59]); !slices.Equal(got, wrote) {
			t.Errorf("%s: wrote %d, shown %q", name, len(wrote), got)
		}
		reader.Refute("* NOTICE *", "* PRIVMSG *")
		total += len(wrote)
		c.Close()
		reader.Close()
		s.feeds(0)
	}
	if n := len(dx.Messages("id")); n != total {
		t.Errorf("%d stored of %d", n, total)
	}
}

// Two users of whom one may not read a row never share a feed, also when the rule
// comes while they do. Directus 12 has no rules without a licence.
func TestRealRuleWhileConnected(t *testing.T) {
	dx := ownServer(t, directustest.Version("11.17.4"))
	s := start(t, dx, often)
	ada, bob := dx.CreateUser("Ada", ""), dx.CreateUser("Bob", "")
	dx.UpdateUser(bob, map[string]any{"role": nil})
	var policy struct{ ID string }
	dx.Do(http.MethodPost, "/policies", nil, map[string]any{"name": "of Bob"}, &policy)
	dx.Do(http.MethodPost, "/access", nil, map[string]any{"user": bob.ID, "policy": policy.ID}, nil)
	var rule struct{ ID int }
	dx.Do(http.MethodPost, "/permissions", nil, map[string]any{"policy": policy.ID, "collection": "directus_users", "action": "read", "fields": []string{"*"}}, nil)
	dx.Do(http.MethodPost, "/permissions", nil, map[string]any{"policy": policy.ID, "collection": dx.Collection, "action": "read", "fields": []string{"*"}}, &rule)
	b, _ := s.join(bob, "#messages") // the leader
	a, _ := s.join(ada, "#messages")
	s.feeds(1)
	office(dx, "one")
	for _, c := range []*ircdtest.Client{a, b} {
		c.Expect("* PRIVMSG #messages :one")
	}
	dx.Do(http.MethodPatch, fmt.Sprintf("/permissions/%d", rule.ID), nil, map[string]any{"permissions": map[string]any{"text": map[string]any{"_ncontains": "secret"}}}, nil)
	office(dx, "secret") // not even now
	s.feeds(2)
	a.Expect("* PRIVMSG #messages :secret")
	office(dx, "two")
	for _, c := range []*ircdtest.Client{a, b} {
		c.ExpectNext("* PRIVMSG #messages :two")
	}
}
