package bridge_test

import (
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// While Directus does not answer, one who looks for a nick again and again waits for it now and
// then, not each time; who is known is found all the while, and everybody as soon as Directus
// answers.
func TestLooksForNicksWhileDirectusIsFrozen(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		c := newChat(t, func(o *bridge.Options) { o.Recheck = time.Minute })
		bob, carl := c.person("bob"), c.person("carl")
		s := c.visit("ada", "#messages").session
		found := func(nick, id string) bool {
			u, err := s.Lookup(t.Context(), nick)
			return err == nil && u != nil && u.ID == id
		}
		if !found("bob", bob) {
			t.Fatal("bob is not found")
		}
		time.Sleep(50 * time.Second)
		if !found("carl", carl) {
			t.Fatal("carl is not found")
		}
		time.Sleep(15 * time.Second) // bob's name is too old by now
		c.fake.OnREST(func(directustest.RESTRequest) directustest.RESTVerdict { return directustest.RESTVerdict{Hang: true} })
		begin := time.Now()
		for range 20 {
			if found("bob", bob) {
				t.Fatal("bob is found by a name that was read long ago")
			}
			if !found("carl", carl) {
				t.Fatal("carl, who is known, is not found")
			}
		}
		if took := time.Since(begin); took > 4*time.Second {
			t.Errorf("20 searches in vain took %v", took)
		}
		c.fake.OnREST(nil)
		time.Sleep(6 * time.Second)
		if !found("bob", bob) {
			t.Error("bob is not found when Directus answers again")
		}
	})
}
