package clients

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// step is a column of the matrix.
type step struct {
	name string
	play func(w *world, step string)
}

// clean is the last step: what is shown beside.
const clean = "clean"

var steps = []step{
	{"in", (*world).login},
	{"old", (*world).backlog},
	{"live", (*world).outside},
	{"own", (*world).typed},
	{"edit", (*world).edit},
	{"gone", (*world).deletion},
	{"msg", (*world).private},
	{"ircd", (*world).restartDaemon},
	{"Directus", (*world).restartDirectus},
	{clean, (*world).judge},
}

// login starts the clients, each when the one before is in, as Directus takes its time for each password. One that shows
// the backlog is in.
func (w *world) login(step string) {
	for _, c := range w.clients {
		w.note(c, step, errors.Join(c.start(), c.comeIn(cmp.Or(c.in, "backlog 0."), 0)))
	}
}

func (w *world) backlog(step string) {
	w.each(step, func(c *client) error {
		for i := range 3 {
			if err := c.expect(step, c.channel, fmt.Sprintf("backlog %d.", i)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) outside(step string) {
	w.say("Grüße, written elsewhere.")
	w.shown(step, ", written elsewhere.")
}

// shown wants a line on each screen.
func (w *world) shown(step, text string) {
	w.each(step, func(c *client) error { return c.expect(step, c.channel, text) })
}

// typed has each client say something, which all show. A bot is asked to.
func (w *world) typed(step string) { w.speak(step, "typed") }

func (w *world) speak(step, what string) {
	for _, c := range w.clients {
		if c.bot {
			w.say("@lower " + strings.ToUpper(c.line(what)))
		}
	}
	w.each(step, func(c *client) error { return c.screen.enter(c.line(what)) })
	for _, by := range w.clients {
		w.shown(step, by.line(what))
		w.note(by, step, w.awaitStored("messages", by.line(what)))
	}
}

// line is what a client says.
func (c *client) line(what string) string { return what + " in " + strings.ToLower(c.name) + "." }

func (w *world) edit(step string) {
	id := w.say("the qick fox.")
	w.shown(step, "the qick fox.")
	w.dx.Do(http.MethodPatch, "/items/messages/"+id, nil, map[string]any{"text": "the quick fox."}, nil)
	w.shown(step, "[edited] ")
	w.shown(step, "s/qick/quick/")
}

func (w *world) deletion(step string) {
	id := w.say("soon gone.")
	w.shown(step, "soon gone.")
	w.dx.Do(http.MethodDelete, "/items/messages/"+id, nil, nil, nil)
	w.shown(step, "was deleted")
}

// private has Ada write to each client, and each client answer.
func (w *world) private(step string) {
	const question, answer = "whispered", "answered"
	for _, c := range w.clients {
		text := c.line(question)
		if c.bot {
			text = "lower " + strings.ToUpper(c.line(answer))
		}
		w.dx.DoAs(w.ada, http.MethodPost, "/items/private_messages", map[string]any{"text": text, "recipient": c.user.ID})
	}
	w.each(step, func(c *client) error {
		if err := c.expect(step, c.private, c.line(question)); err != nil {
			return err
		}
		if err := c.screen.enter(cmp.Or(c.whisper, "/msg Ada") + " " + c.line(answer)); err != nil {
			return err
		}
		return c.expect(step, c.private, c.line(answer))
	})
	for _, c := range w.clients {
		w.note(c, step, w.awaitStored("private_messages", c.line(answer)))
	}
}

// missed is written while the daemon is away.
const missed = "while the daemon was away."

// restartDaemon has Ada write while the daemon is away.
func (w *world) restartDaemon(step string) {
	w.each(step, func(c *client) error {
		if c.dies {
			w.judgeOne(c)
		}
		c.joins = strings.Count(c.screen.text(), c.in)
		return c.look(c.channel)
	})
	w.daemon.stop()
	w.say(missed)
	w.daemon.start()
	w.each(step, func(c *client) error {
		c.logins++
		c.tried = time.Time{}
		if c.bot {
			return c.comeIn(c.in, c.joins)
		}
		return errors.Join(c.comeIn(missed, 0), c.expect(step, c.channel, missed))
	})
	w.speak(step, "typed again")
}

// restartDirectus has Ada write before the daemon is connected to Directus again.
func (w *world) restartDirectus(step string) {
	w.dx.Kill()
	w.shown(step, "Directus is unreachable")
	w.dx.Restart()
	w.say("before the daemon has noticed.")
	w.shown(step, "before the daemon has noticed.")
	w.shown(step, "Directus is back")
	w.speak(step, "typed at last")
}

func (w *world) judge(string) {
	for _, c := range w.clients {
		if c.bot {
			w.judgeBot(c)
		}
	}
	w.each(clean, func(c *client) error {
		w.judgeOne(c)
		return nil
	})
}

func (w *world) judgeOne(c *client) {
	for step, err := range c.judge(w.t.ArtifactDir()) {
		w.note(c, step, err)
	}
}

// judgeBot wants each question answered once, and that of the backlog neither answered nor shown, nor what it has missed.
func (w *world) judgeBot(c *client) {
	if n := w.stored("messages", past); n > 0 {
		w.note(c, "old", fmt.Errorf("it has answered the past %d times", n))
	}
	for step, old := range map[string]string{"old": strings.ToUpper(past), "ircd": missed} {
		if strings.Contains(c.screen.text(), old) {
			w.note(c, step, fmt.Errorf("%q, which is old, is shown", old))
		}
	}
	for _, step := range []struct{ name, collection, what string }{
		{"own", "messages", "typed"}, {"msg", "private_messages", "answered"},
		{"ircd", "messages", "typed again"}, {"Directus", "messages", "typed at last"},
	} {
		if n := w.stored(step.collection, c.line(step.what)); n != 1 {
			w.note(c, step.name, fmt.Errorf("it has answered %d times", n))
		}
		if question := strings.ToUpper(c.line(step.what)); step.collection == "messages" && strings.Count(c.screen.text(), question) != 1 {
			w.note(c, step.name, fmt.Errorf("%q is not shown once", question))
		}
	}
}
