package simulation

import (
	"fmt"
	"strings"
	"time"
)

// An act is what steps of a name do. do reports whether there was anything to do.
type act struct {
	weight int
	fault  bool
	do     func(w *world, s step) bool
}

// acts are all kinds of steps, by name.
var acts map[string]act

func init() {
	acts = map[string]act{}
	for _, table := range []map[string]act{talk, outside, bulk, administration, faults, disturbances} {
		for name, a := range table {
			acts[name] = a
		}
	}
}

func (w *world) client(n int) *client { return w.clients[n%len(w.clients)] }

// open is a channel as configured, or a room.
func (w *world) open(n int) (channelSpec, bool) {
	all := append(w.spec[:len(w.spec):len(w.spec)], w.openRooms()...)
	if len(all) == 0 {
		return channelSpec{}, false
	}
	return all[n%len(all)], true
}

// say sends a message of a client.
func (c *client) say(target string, line func(to string, t token) []string) bool {
	t := c.w.book.message(c.spec.person)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nick == "" || strings.HasPrefix(target, "#") && !c.in[target] {
		return false
	}
	lines := line(c.calledLocked(target), t)
	if c.spec.kind != plain {
		lines[0] = labelled(lines[0], t)
	}
	if !c.sendLocked(lines...) {
		return false
	}
	c.letters = append(c.letters, letter{token: t, client: c, target: target, at: time.Now(), stay: len(c.stays) - 1})
	return true
}

// labelled puts a label on a line, which its answer carries.
func labelled(line string, t token) string {
	if tags, tagged := strings.CutPrefix(line, "@"); tagged {
		return "@label=" + t.String() + ";" + tags
	}
	return "@label=" + t.String() + " " + line
}

func privmsg(filler int) func(to string, t token) []string {
	return func(to string, t token) []string { return []string{"PRIVMSG " + to + " :" + body(t, filler)} }
}

// talk is what people do on IRC.
var talk = map[string]act{
	"say": {weight: 60, do: func(w *world, s step) bool {
		ch, ok := w.open(s.b)
		return ok && w.client(s.a).say(ch.name, privmsg(s.c))
	}},
	"paste": {weight: 8, do: func(w *world, s step) bool {
		ch, ok := w.open(s.b)
		for i := range 2 + s.c%10 {
			ok = ok && w.client(s.a).say(ch.name, privmsg(s.c+i))
		}
		return ok
	}},
	"several lines": {weight: 3, do: func(w *world, s step) bool {
		ch, ok := w.open(s.b)
		c := w.client(s.a)
		return ok && c.spec.kind == multiline && c.say(ch.name, func(to string, t token) []string {
			ref := "b" + t.String()
			return []string{"BATCH +" + ref + " draft/multiline " + to, "@batch=" + ref + " PRIVMSG " + to + " :" + body(t, s.c),
				"@batch=" + ref + " PRIVMSG " + to + " :and more", "BATCH -" + ref}
		})
	}},
	"whisper": {weight: 6, do: func(w *world, s step) bool {
		other := w.client(s.b)
		other.mu.Lock()
		nick := other.nick
		other.mu.Unlock()
		return w.scenario.settings.private && nick != "" && w.client(s.a).say(nick, privmsg(s.c))
	}},
	"reply": {weight: 3, do: func(w *world, s step) bool {
		ch, ok := w.open(s.b)
		c := w.client(s.a)
		c.mu.Lock()
		id := c.last[ch.name]
		c.mu.Unlock()
		return ok && id != "" && c.spec.kind != plain && c.say(ch.name, func(to string, t token) []string {
			return []string{"@+draft/reply=" + id + " PRIVMSG " + to + " :" + body(t, s.c)}
		})
	}},
	"correct": {weight: 4, do: func(w *world, s step) bool {
		c := w.client(s.a)
		ch, ok := w.open(s.b)
		c.mu.Lock()
		defer c.mu.Unlock()
		if !ok || !ch.corrections || len(c.letters) == 0 || !c.in[ch.name] {
			return false
		}
		last := c.letters[len(c.letters)-1]
		if last.target != ch.name || last.token.n == 0 {
			return false
		}
		next := w.book.version(last.token.n)
		c.letters = append(c.letters, letter{client: c, target: ch.name, at: time.Now(), stay: len(c.stays) - 1})
		return c.sendLocked(fmt.Sprintf("PRIVMSG %s :s/%v/%v/", c.calledLocked(ch.name), last.token, next))
	}},
	"redact": {weight: 3, do: func(w *world, s step) bool {
		c := w.client(s.a)
		ch, ok := w.open(s.b)
		c.mu.Lock()
		defer c.mu.Unlock()
		if !ok || c.spec.kind != tagged && c.spec.kind != paging || len(c.msgids) == 0 {
			return false
		}
		return c.sendLocked(fmt.Sprintf("REDACT %s %s :never mind", c.calledLocked(ch.name), c.msgids[s.c%len(c.msgids)]))
	}},
	"react": {weight: 3, do: func(w *world, s step) bool {
		c := w.client(s.a)
		ch, ok := w.open(s.b)
		c.mu.Lock()
		defer c.mu.Unlock()
		id := c.last[ch.name]
		if !ok || id == "" || c.spec.kind == plain {
			return false
		}
		tag := []string{"+draft/react", "+draft/unreact"}[s.c%2]
		return c.sendLocked(fmt.Sprintf("@+draft/reply=%s;%s=👍 TAGMSG %s", id, tag, c.calledLocked(ch.name)))
	}},
	"typing": {weight: 2, do: func(w *world, s step) bool {
		ch, ok := w.open(s.b)
		return ok && w.client(s.a).spec.kind != plain && w.client(s.a).send("@+typing=active TAGMSG "+w.client(s.a).called(ch.name))
	}},
	"away": {weight: 3, do: func(w *world, s step) bool {
		return w.client(s.a).send([]string{"AWAY :gone fishing", "AWAY"}[s.c%2])
	}},
	"look": {weight: 4, do: func(w *world, s step) bool {
		ch, ok := w.open(s.b)
		other := w.client(s.b)
		other.mu.Lock()
		nick := other.nick
		other.mu.Unlock()
		if !ok || nick == "" {
			return false
		}
		called := w.client(s.a).called(ch.name)
		return w.client(s.a).send([]string{"WHO " + called, "WHOIS " + nick, "NAMES " + called, "LIST", "ISON " + nick, "USERHOST " + nick,
			"MONITOR + " + nick, "WHOWAS " + nick, "TOPIC " + called, "WHO " + nick + " %cuhnar"}[s.c%10])
	}},
	"part": {weight: 2, do: func(w *world, s step) bool {
		ch, ok := w.open(s.b)
		return ok && w.client(s.a).part(ch.name)
	}},
	"join": {weight: 3, do: func(w *world, s step) bool {
		c := w.client(s.a)
		ch, ok := w.open(s.b)
		c.mu.Lock()
		defer c.mu.Unlock()
		if !ok || !c.left[ch.name] || c.nick == "" {
			return false
		}
		delete(c.left, ch.name)
		return c.sendLocked("JOIN " + c.calledLocked(ch.name))
	}},
	"leave": {weight: 3, do: func(w *world, s step) bool { w.client(s.a).want(false); return true }},
	"come":  {weight: 6, do: func(w *world, s step) bool { w.client(s.a).want(true); return true }},
	"mark": {weight: 1, do: func(w *world, s step) bool {
		ch, ok := w.open(s.b)
		return ok && w.client(s.a).send("MARKREAD "+w.client(s.a).called(ch.name)+" timestamp="+time.Now().UTC().Format("2006-01-02T15:04:05.000Z"))
	}},
}
