package people

import (
	"testing"

	"directus-ircd/bridge/state"

	"github.com/rs/zerolog"
)

func TestIsAccountName(t *testing.T) {
	for value, want := range map[string]bool{
		"klewis": true, "first.last": true, "E-1042": true, "_x": true, "1kevin": true,
		"": false, "kevin@example.com": false, "müller": false, "two words": false, "a,b": false, ":a": false, "*": false, "0": false,
		"-x": false, ".x": false, "NickServ": false, "user-12": false, "ada-123456789abc": false, "a\r\nb": false,
	} {
		if got := IsAccountName(value); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// An account name from Directus belongs to the user who had it first, for good, as a nick does,
// and the two never mix.
func TestAccountsNeverChangeHands(t *testing.T) {
	store := state.InMemory(zerolog.Nop())
	table := NewNickTable(store)
	start := func() *nicks {
		n := newNicks(store, table, "http://directus.example.com")
		n.durable = true
		return n
	}
	n := start()
	with := func(digits, name, account string) Person {
		p := named(digits, name)
		p.account = account
		return p
	}
	comes := func(p Person, nick, account string) {
		t.Helper()
		c := n.Connect(p, namesakes{})
		if u := n.Current(c); u.Nick != nick || u.Account != account {
			t.Errorf("%s with the account field %q: nick %s, account %s, want %s, %s", p.name, p.account, u.Nick, u.Account, nick, account)
		}
		n.Release(c)
	}
	comes(with("aaaa1111", "Ada", "alovelace"), "Ada", "alovelace")
	for range 2 {
		comes(with("bbbb2222", "Kevin", "ALovelace"), "Kevin", "Kevin")               // taken
		comes(with("bbbb2222", "Kevin", "ada"), "Kevin", "Kevin")                     // a nick of somebody else
		comes(with("bbbb2222", "Kevin", "kevin@example.com"), "Kevin", "Kevin")       // an address
		comes(with("cccc3333", "alovelace", ""), "alovelace-cccc", "alovelace-cccc")  // a name like an account
		comes(with("aaaa1111", "Ada", "augusta"), "Ada", "augusta")                   // changed in Directus
		comes(with("bbbb2222", "Kevin", "alovelace"), "Kevin", "Kevin")               // given up, and not free for that
		comes(with("aaaa1111", "Ada", "ada"), "Ada", "ada")                           // one's own nick
		comes(with("aaaa1111", "Ada", ""), "Ada", "Ada")                              // none any more
		comes(with("dddd4444", "Augusta", "augusta"), "Augusta-dddd", "Augusta-dddd") // another's account as a name
		n = start()
	}
	if u := n.user(named("aaaa1111", "Ada"), namesakes{}); u.Account != "Ada" {
		t.Errorf("who may not read the field sees %s", u.Account)
	}
	n.Connect(with("aaaa1111", "Ada", "alovelace"), namesakes{})
	if u := n.user(named("aaaa1111", "Ada"), namesakes{}); u.Account != "Ada" {
		t.Errorf("who may not read the field sees %s of one who is connected", u.Account)
	}
	for i := range 2 * maxUserAccounts {
		n.user(with("eeee5555", "Eve", "eve."+string(rune('a'+i))), namesakes{})
	}
	if u := n.user(with("eeee5555", "Eve", "eve.z"), namesakes{}); u.Account != "Eve" || len(n.accounts[u.ID]) != maxUserAccounts {
		t.Errorf("after many: %s of %q", u.Account, n.accounts[u.ID])
	}
	n.durable = false
	if u := n.user(with("ffff6666", "Grace", "ghopper"), namesakes{}); u.Account != u.Nick {
		t.Errorf("without a state that lasts: %s", u.Account)
	}
}
