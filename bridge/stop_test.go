package bridge_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// What was on its way to Directus when the daemon stops, or the connection ends, is
// not called refused: Directus may do it yet.
func TestStopInDoubt(t *testing.T) {
	for name, test := range map[string]struct {
		method string // of the request that is never answered
		do     func(ctx context.Context, s fullSession, msgid string) error
		want   string
	}{
		"message": {"POST", func(ctx context.Context, s fullSession, _ string) error {
			_, err := s.Send(ctx, ircd.Outgoing{Target: "#messages", Text: "one more"})
			return err
		}, "perhaps sent"},
		"correction": {"PATCH", func(ctx context.Context, s fullSession, _ string) error {
			_, err := s.Send(ctx, ircd.Outgoing{Target: "#messages", Text: "s/hello/good morning/"})
			return err
		}, "perhaps corrected"},
		"deletion": {"DELETE", func(ctx context.Context, s fullSession, msgid string) error {
			_, err := s.Redact(ctx, "#messages", msgid, "")
			return err
		}, "perhaps deleted"},
		"reaction": {"POST", func(ctx context.Context, s fullSession, msgid string) error {
			_, err := s.React(ctx, ircd.Reacting{Target: "#messages", MsgID: msgid, Text: "👍"})
			return err
		}, "perhaps done"},
	} {
		t.Run(name, func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				channel := lively()
				channel.Corrections = true
				c := newChat(t, nil, channel)
				addReactions(c.fake)
				ada := c.visit("ada", "#messages")
				msgid := ada.send("#messages", "hello")
				c.fake.OnFrame(func(f directustest.FakeFrame) directustest.FrameVerdict {
					lost := f.Action == "create" // so that it is sent once more, by REST
					return directustest.FrameVerdict{Skip: lost, Mute: lost}
				})
				c.fake.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
					return directustest.RESTVerdict{Hang: r.Method == test.method && strings.HasPrefix(r.Path, "/items/")}
				})
				ctx, stop := context.WithCancel(t.Context())
				time.AfterFunc(4*time.Second, stop)
				err := test.do(ctx, ada.session, msgid)
				if refusal, ok := errors.AsType[*ircd.Error](err); !ok || !strings.Contains(refusal.Text, test.want) {
					t.Errorf("got %v, want %q", err, test.want)
				}
			})
		})
	}
}
