package bridge_test

import (
	"testing"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// bots is a chat with private messages, in which much has been said already.
func bots(t *testing.T) *remembering {
	private := privateMessages
	private.Backlog = 20
	r := newRemembering(t, func(o *bridge.Options) { o.Private = &private })
	r.insert("old")
	r.fake.Insert("private_messages", r.person("bob"), map[string]any{"text": "old, to ada", "recipient": r.person("ada")})
	return r
}

// comes is a connection of ada's, with all that it is shown of the past.
func (r *remembering) comes(device string) (*visitor, []string) {
	r.t.Helper()
	time.Sleep(time.Minute) // what is as old as the login may be new
	v, lines := r.device("ada", device)
	if err := v.session.Start(r.t.Context(), ircd.JoinOptions{Backlog: true, Bot: v.session.Bot()}); err != nil {
		r.t.Fatal(err)
	}
	return v, append(lines, v.texts()...)
}

func (r *remembering) whisper(text string) {
	r.fake.Insert("private_messages", r.person("bob"), map[string]any{"text": text, "recipient": r.person("ada")})
}

// misses shows a bot what is said while it is there, and then not what is said while it and the daemon are away.
func (r *remembering) misses(bot *visitor) {
	r.t.Helper()
	r.insert("now")
	r.whisper("now, to ada")
	same(r.t, bot.texts(), "now", "now, to ada")
	bot.receive()
	bot.leave()
	r.insert("meanwhile")
	r.whisper("meanwhile, to ada")
	r.restart()
}

// TestBot: a login that is marked as a bot's is shown what is said while it is there, and nothing
// else, however often it comes back; another device is shown the backlog.
func TestBot(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := bots(t)
		for range 3 {
			bot, lines := r.comes("bot")
			same(t, lines)
			r.misses(bot)
		}
		_, lines := r.comes("laptop")
		if len(lines) != 2*7 {
			t.Errorf("a person's client is shown %q", lines)
		}
	})
}

// TestBotWithName: a bot that has a name is shown nothing when it comes for the first time, and
// then what it has missed, each line once.
func TestBotWithName(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := bots(t)
		bot, lines := r.comes("bot-relay")
		same(t, lines)
		for range 2 {
			r.misses(bot)
			bot, lines = r.comes("bot-relay")
			same(t, lines, "meanwhile", "meanwhile, to ada")
			bot.receive()
			bot.leave()
			bot, lines = r.comes("bot-relay")
			same(t, lines)
		}
		bot.leave()
	})
}
