package ircd

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"directus-ircd/ircd/ircdtest"
)

// A NOTICE that is refused is answered with nothing, or with the ACK of a labelled request.
func TestRefusedNotice(t *testing.T) {
	for name, lines := range map[string][]string{
		"no recipient":       {"NOTICE"},
		"no text":            {"NOTICE #dev", "NOTICE #dev :", "NOTICE #dev :\x02"},
		"no such nick":       {"NOTICE nobody :x", "NOTICE 7up :x", "NOTICE irc.test :x"},
		"no such channel":    {"NOTICE #nowhere :x"},
		"not joined":         {"NOTICE #messages :x"},
		"too many targets":   {"NOTICE #dev,#dev,#dev,#dev,#dev :x"},
		"a CTCP reply":       {"NOTICE #dev :\x01VERSION x\x01"},
		"refused":            {"NOTICE #dev :refused"},
		"too long":           {"NOTICE #dev :" + strings.Repeat("x", 9000)},
		"not UTF-8":          {"NOTICE #messages :\xfc"},
		"an unknown batch":   {"@batch=2 NOTICE #dev :x"},
		"another target":     {"BATCH +1 draft/multiline #dev", "@batch=1 NOTICE #messages :x", "BATCH -1"},
		"a blank batch":      {"BATCH +1 draft/multiline #dev", "@batch=1 NOTICE #dev :", "BATCH -1"},
		"a refused batch":    {"BATCH +1 draft/multiline #dev", "@batch=1 NOTICE #dev :refused", "BATCH -1"},
		"a line is too long": {"BATCH +1 draft/multiline #dev", "@batch=1 NOTICE #dev :x", "@batch=1 NOTICE #dev :" + strings.Repeat("x", 9000), "BATCH -1"},
	} {
		for _, features := range []Features{{}, {Private: true}} {
			t.Run(fmt.Sprint(name, features.Private), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) {
					chat := newFakeChat()
					chat.features = features
					chat.send = func(_ *fakeSession, m Outgoing) (*Message, error) {
						return nil, &Error{Numeric: "404", Code: "CANNOT_SEND", Params: []string{m.Target}, Text: "refused"}
					}
					c := newTestServer(t, chat, nil).inChannel("alice", "#dev", "batch", "draft/multiline", "standard-replies", "labeled-response", "echo-message")
					for i, line := range lines {
						c.Send(line)
						if len(lines) == 1 && !strings.HasPrefix(line, "@") {
							c.Send(fmt.Sprintf("@label=L%d %s", i, line))
						}
					}
					for _, got := range c.Sync() {
						if !ircdtest.Match("@label=L0 :irc.test ACK", got) {
							t.Errorf("answered %q", got)
						}
					}
				})
			})
		}
	}
}

// A NOTICE that is lost for no fault of its sender is told of, once until something is stored
// again, so that a bot that answers every NOTICE comes to an end.
func TestLostNotice(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat, stored := newFakeChat(), false
		lost := errors.New("any")
		chat.send = func(s *fakeSession, m Outgoing) (*Message, error) {
			if stored {
				return &Message{ID: "own", From: s.user, Target: m.Target, Text: m.Text, Kind: m.Kind}, nil
			}
			return nil, lost
		}
		s := newTestServer(t, chat, nil)
		bot := s.inChannel("alice", "#dev", "batch", "labeled-response", "standard-replies")
		const told = ":directus!service@irc.test NOTICE #dev :A NOTICE to #dev is lost *: "
		for _, tc := range []struct {
			err  error
			want string
		}{
			{&Error{Numeric: "404", Params: []string{"#dev"}, Text: "perhaps sent", Lost: true}, told + "perhaps sent"},
			{errors.New("secret"), told + internalError},
		} {
			lost, stored = tc.err, false
			bot.Send("@label=a NOTICE #dev :x", "NOTICE #dev :x", "NOTICE #dev,#dev :x")
			got := bot.Sync()
			if len(got) != 2 || !ircdtest.Match(tc.want, got[0]) || !ircdtest.Match("@label=a :irc.test ACK", got[1]) {
				t.Errorf("got %q", got)
			}
			for range slices.Backward(got) { // it answers what it got, by rule
				bot.Send("NOTICE #dev :you said something")
			}
			if got := bot.Sync(); len(got) != 0 {
				t.Errorf("told again %q", got)
			}
			stored = true
			bot.Send("NOTICE #dev :x")
			bot.Sync()
		}
	})
}
