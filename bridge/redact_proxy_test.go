package bridge_test

import (
	"testing"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
)

// A proxy answers a deletion with 200, in the place of Directus or of what Directus has said: the
// client is told that the message is gone if it is, and else that nobody knows.
func TestDeletionAnsweredByAProxy(t *testing.T) {
	for name, verdict := range map[string]directustest.RESTVerdict{
		"nothing, done":     {Lose: true, Status: 200, Empty: true},
		"nothing, not done": {Status: 200, Empty: true},
		"a page, done":      {Lose: true, Status: 200},
		"a page, not done":  {Status: 200},
	} {
		for method, soft := range map[string]*collection.SoftDelete{"DELETE": nil, "PATCH": {Field: "nonce", Values: []string{"gone"}}} {
			t.Run(name+", "+method, func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					channel := messages("messages")
					channel.Fields.Nonce, channel.SoftDelete = "", soft
					fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, channel)
					addFake(fake, "ada")
					addFake(fake, "bob")
					visit := func(name string) *ircdtest.Client {
						c := listener.Dial(t)
						c.LoginSASL("x", name+"@example.com", name, "message-tags", "echo-message", "draft/message-redaction", "standard-replies")
						c.Send("JOIN #messages")
						c.Expect("* 366 *")
						return c
					}
					a, b := visit("ada"), visit("bob")
					a.Send("PRIVMSG #messages :hello")
					id := tagOf(a.Expect("* PRIVMSG #messages :hello"), "msgid")
					b.Expect("* PRIVMSG #messages :hello")
					time.Sleep(time.Second)
					fake.OnREST(func(r directustest.RESTRequest) (v directustest.RESTVerdict) {
						if r.Method == method {
							v = verdict
						}
						return v
					})
					a.Send("REDACT #messages " + id)
					if verdict.Lose {
						a.Expect("* REDACT #messages " + id + "*")
						b.Expect("* REDACT #messages " + id + "*")
						return
					}
					a.Expect(":irc.test FAIL REDACT TEMPORARILY_UNAVAILABLE #messages " + id + " :Directus did not answer: perhaps deleted. Look before you try again")
					time.Sleep(time.Minute)
					b.Refute("* REDACT *")
					fake.OnREST(nil)
					a.Send("REDACT #messages " + id)
					a.Expect("* REDACT #messages " + id + "*")
					b.Expect("* REDACT #messages " + id + "*")
				})
			})
		}
	}
}
