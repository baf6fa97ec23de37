package ircd

import (
	"errors"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// deletions is a chat in which alice may delete.
func deletions() *fakeChat {
	chat := newFakeChat()
	chat.redact = func(s *fakeSession, target, msgid, reason string) (*Redaction, error) {
		switch {
		case msgid == "broken":
			return nil, errors.New("secret")
		case msgid == "old":
			return nil, &Error{Code: "REDACT_WINDOW_EXPIRED", Params: []string{target, msgid, "3600"}, Text: "too late"}
		case msgid != "m1":
			return nil, &Error{Code: "UNKNOWN_MSGID", Params: []string{target, msgid}, Text: "This message does not exist or is too old"}
		case s.user.Nick != "alice":
			return nil, &Error{Code: "REDACT_FORBIDDEN", Params: []string{target, msgid}, Text: "You are not authorised to delete this message"}
		}
		r := &Redaction{MsgID: msgid, Time: time.Now(), From: s.user, By: s.user, Target: target, Reason: reason, Said: time.Now().Add(-5 * time.Minute), Text: "beginning"}
		chat.pushOthers(s, r)
		return r, nil
	}
	return chat
}

// A deletion is a REDACT to those who know it and a NOTICE to the others, for
// everybody once.
func TestRedact(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, deletions(), func(o *Options) { o.DeleteNotices = true })
		a := s.inChannel("alice", "#dev", "draft/message-redaction", "message-tags", "labeled-response", "batch")
		b := s.inChannel("bob", "#dev", "draft/message-redaction", "message-tags", "account-tag", "server-time")
		k := s.inChannel("kevin", "#dev", "server-time", "message-tags")
		out := s.user("kevin", "draft/message-redaction", "message-tags")
		a.Sync()
		b.Sync()
		a.Send("@label=L REDACT #DEV m1 :spam in here")
		a.ExpectNext("@label=L :alice!u@directus REDACT #dev m1 :spam in here")
		b.ExpectNext("@time=2000-01-01T00:00:00.000Z;account=acc-alice :alice!u@directus REDACT #dev m1 :spam in here")
		k.ExpectNext(`:directus!service@irc.test NOTICE #dev :alice deleted a message from 5 minutes ago: "beginning" (spam in here)`)
		k.Refute("*")
		out.Refute("* REDACT *", "* NOTICE *")

		// Without the capability it works as well; what others see is the answer.
		k2 := s.inChannel("alice", "#dev")
		k2.Send("REDACT #dev m1")
		k2.ExpectNext(`:directus!service@irc.test NOTICE #dev :alice deleted a message from 5 minutes ago: "beginning"`)
		k2.Refute("*")
	})
}

func TestRedactErrors(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		s := newTestServer(t, deletions(), nil)
		c := s.inChannel("kevin", "#dev", "draft/message-redaction", "message-tags", "labeled-response", "batch")
		for _, tc := range []struct{ in, want string }{
			{"REDACT #dev", ":irc.test 461 kevin REDACT :Not enough parameters"},
			{"REDACT #dev m1", ":irc.test FAIL REDACT REDACT_FORBIDDEN #dev m1 :You are not *"},
			{"REDACT #dev m2 :why", ":irc.test FAIL REDACT UNKNOWN_MSGID #dev m2 :This message *"},
			{"REDACT #dev old", ":irc.test FAIL REDACT REDACT_WINDOW_EXPIRED #dev old 3600 :too late"},
			{"REDACT #messages m1", ":irc.test FAIL REDACT INVALID_TARGET #messages :Not deleted: you are not in that channel*"},
			{"REDACT bob m1", ":irc.test FAIL REDACT INVALID_TARGET bob :Not deleted: there are no private messages*"},
			{"@label=L REDACT #none m1", "@label=L :irc.test FAIL REDACT INVALID_TARGET #none :*"},
			{"REDACT #dev broken", ":irc.test 400 kevin REDACT :internal error*"},
		} {
			c.Send(tc.in)
			c.ExpectNext(tc.want)
		}
		c.Refute("*")

		// Old clients are told in words, and without notices not of deletions.
		old := s.inChannel("kevin", "#dev")
		old.Send("REDACT #dev m1")
		old.ExpectNext(":irc.test NOTICE kevin :REDACT: You are not *")
		a := s.inChannel("alice", "#dev", "labeled-response", "batch")
		old.Sync()
		a.Send("@label=L REDACT #dev m1")
		a.ExpectNext("@label=L :irc.test ACK")
		c.Expect(":alice!u@directus REDACT #dev m1")
		old.Refute("* NOTICE *", "* REDACT *")
	})
}

// Where there are private messages they can be deleted too.
func TestRedactPrivate(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		chat.features.Private = true
		chat.redact = func(s *fakeSession, target, msgid, reason string) (*Redaction, error) {
			r := &Redaction{MsgID: msgid, From: s.user, By: s.user, To: testUser(target), Said: time.Now().Add(-time.Hour)}
			chat.pushOthers(s, r)
			return r, nil
		}
		s := newTestServer(t, chat, func(o *Options) { o.DeleteNotices = true })
		a := s.user("alice", "draft/message-redaction", "message-tags")
		b := s.user("bob", "draft/message-redaction", "message-tags")
		old, k := s.user("bob"), s.user("kevin", "draft/message-redaction", "message-tags")
		a.Send("REDACT bob m1")
		a.ExpectNext(":alice!u@directus REDACT bob m1")
		b.ExpectNext(":alice!u@directus REDACT bob m1")
		old.ExpectNext(":directus!service@irc.test NOTICE bob :alice deleted a message from 1 hour ago")
		k.Refute("*")
	})
}
