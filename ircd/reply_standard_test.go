package ircd

import (
	"context"
	"errors"
	"testing"

	"directus-ircd/ircd/ircdtest"
)

// TestStandardReplies: an error is told once. A FAIL takes the place of a numeric that says
// nothing, and of those of commands that have FAILs of their own; an error without a numeric
// is told to everybody in the way that they can be told.
func TestStandardReplies(t *testing.T) {
	both := &Error{Numeric: "404", Params: []string{"#messages"}, Code: "CANNOT_SEND", Text: "too long"}
	about := &Error{Numeric: "263", Code: "TEMPORARILY_UNAVAILABLE", Text: "later"}
	alone := &Error{Code: "MESSAGE_ERROR", Params: []string{"#messages"}, Text: "not now", Err: errors.New("secret")}
	numeric := &Error{Numeric: "404", Params: []string{"#messages"}, Text: "no code"}
	for _, tc := range []struct {
		name string
		caps capSet
		cmd  string
		err  error
		want []string
	}{
		{"numeric", 0, "PRIVMSG", both, []string{":irc.test 404 alice #messages :too long"}},
		{"a numeric stays", capStandardReplies, "PRIVMSG", both, []string{":irc.test 404 alice #messages :too long"}},
		{"numeric of a command with FAILs", capStandardReplies, "REDACT", both, []string{":irc.test FAIL REDACT CANNOT_SEND #messages :too long"}},
		{"the same without standard-replies", capRedaction, "REDACT", both, []string{":irc.test 404 alice #messages :too long"}},
		{"try again", capStandardReplies, "PRIVMSG", about, []string{":irc.test 263 alice PRIVMSG :later"}},
		{"no code", capStandardReplies, "PRIVMSG", numeric, []string{":irc.test 404 alice #messages :no code"}},
		{"other error", capStandardReplies, "JOIN", errors.New("secret"), []string{":irc.test FAIL JOIN INTERNAL_ERROR :" + internalError}},
		{"fail alone", capStandardReplies, "REDACT", alone, []string{":irc.test FAIL REDACT MESSAGE_ERROR #messages :not now"}},
		{"fail alone, by its own capability", capRedaction, "REDACT", alone, []string{":irc.test FAIL REDACT MESSAGE_ERROR #messages :not now"}},
		{"fail alone, by the capability of another", capChathistory, "REDACT", alone, []string{":irc.test NOTICE alice :REDACT: not now"}},
		{"notice", 0, "REDACT", alone, []string{":irc.test NOTICE alice :REDACT: not now"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := labelConn(t)
			c.caps = tc.caps
			if err := c.answer(t.Context(), tc.cmd, tc.err); err != nil {
				t.Error(err)
			}
			expectAll(t, c.taken(), tc.want)
		})
	}
}

// TestStandardRepliesLive: the same over a connection, with a label, and what is
// no error of a session.
func TestStandardRepliesLive(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		s := newTestServer(t, chat, nil)
		c := s.inChannel("alice", "#messages", "standard-replies", "labeled-response", "batch")
		chat.send = func(*fakeSession, Outgoing) (*Message, error) { return nil, errors.New("secret") }
		c.Send("@label=x PRIVMSG #messages :caf\xe9", "PRIVMSG #messages :caf\xe9", "PRIVMSG #dev :x")
		for _, want := range []string{
			"@label=x :irc.test BATCH +1 labeled-response",
			"@batch=1 :irc.test WARN PRIVMSG INVALID_UTF8 :Your client does not send UTF-8.*",
			"@batch=1 :irc.test 404 alice #messages :internal error*",
			":irc.test BATCH -1",
			":irc.test 404 alice #messages :internal error*",
			":irc.test 404 alice #dev :Not sent*",
		} {
			c.ExpectNext(want)
		}
		chat.join = func(context.Context, string) error {
			return &Error{Numeric: "473", Params: []string{"#dev"}, Code: "NOT_ALLOWED", Text: "no"}
		}
		c.Send("JOIN #dev")
		c.ExpectNext(":irc.test 473 alice #dev :no")

		c = s.client()
		c.Send("CAP REQ standard-replies", "NICK alice", "USER alice 0 * :x", "CAP END")
		c.Expect(":irc.test 464 alice :*")
		c.ExpectNext(":irc.test FAIL * ACCOUNT_REQUIRED :No password given: *")
		c.ExpectNext("ERROR :*")
	})
}
