package simulation

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"directus-ircd/directus/directustest"
)

// several are keys of the latest items of a channel's collection, the oldest first.
func (w *world) several(s step, most int) (ch channelSpec, keys []string) {
	ch, ok := w.open(s.b)
	if !ok {
		return ch, nil
	}
	items := w.fake.Items(ch.collection)
	for _, item := range items[len(items)-min(len(items), 1+s.a%most):] {
		keys = append(keys, keyOf(item))
	}
	return ch, keys
}

// flood stores many messages of several people at one moment, as an import does.
func (w *world) flood(s step, n int, change func(i int, item map[string]any)) bool {
	done := false
	for i := range n {
		done = w.insert(step{a: s.a + i%3, b: s.b, c: s.c + i}, func(item map[string]any) {
			if change != nil {
				change(i, item)
			}
		})
	}
	return done
}

// bulk is what scripts, imports and the selections of Directus' own app do: many items at once.
var bulk = map[string]act{
	"import": {weight: 4, do: func(w *world, s step) bool { return w.flood(s, 50+s.c%w.scenario.settings.flood, nil) }},
	"import of the past": {weight: 1, do: func(w *world, s step) bool {
		return w.flood(s, 5+s.c%60, func(i int, item map[string]any) {
			item["date_created"] = stamp(time.Now().Add(time.Duration(i-400) * time.Hour))
		})
	}},
	"trickle": {weight: 3, do: func(w *world, s step) bool {
		done := false
		for i := range 20 + s.a%100 {
			done = w.insert(step{a: s.a + i%2, b: s.b + i%3, c: s.c + i}, nil)
			time.Sleep(time.Duration(s.c%20) * time.Millisecond)
		}
		return done
	}},
	"bulk edit": {weight: 1, do: func(w *world, s step) bool {
		ch, keys := w.several(s, 30)
		if len(keys) == 0 {
			return false
		}
		w.fake.UpdateMany(ch.collection, keys, map[string]any{"level": []any{"open", "secret", nil}[s.c%3]})
		return true
	}},
	"bulk delete": {weight: 1, do: func(w *world, s step) bool {
		ch, keys := w.several(s, 8)
		if len(keys) == 0 {
			return false
		}
		w.fake.RemoveMany(ch.collection, keys)
		return true
	}},
	"bulk move": {weight: 1, do: func(w *world, s step) bool {
		ch, keys := w.several(s, 20)
		if len(keys) == 0 || ch.room == "" {
			return false
		}
		room := any([]string{"dev", "ops", "pub", "attic"}[s.c%4])
		if ch.item {
			room = w.elsewhere(s.c)
		}
		w.fake.UpdateMany(ch.collection, keys, map[string]any{"room": room})
		return true
	}},
	"bulk soft delete": {weight: 1, do: func(w *world, s step) bool {
		ch, keys := w.several(s, 20)
		if len(keys) == 0 || !ch.softDelete {
			return false
		}
		w.fake.UpdateMany(ch.collection, keys, map[string]any{"status": []any{"deleted", nil}[s.c%2]})
		return true
	}},
	"several lines from outside": {weight: 2, do: func(w *world, s step) bool {
		return w.insert(s, func(item map[string]any) {
			item["text"] = fmt.Sprintf("first\n\n%v\nlast", item["text"])
		})
	}},
	"a long text from outside": {weight: 1, do: func(w *world, s step) bool {
		return w.insert(s, func(item map[string]any) {
			text := fmt.Sprint(item["text"])
			for range s.c % 40 {
				text += " and then some more words, as people who paste do not count them"
			}
			item["text"] = text
		})
	}},
	"reactions from outside": {weight: 2, do: func(w *world, s step) bool {
		ch, keys := w.several(s, 6)
		if len(keys) == 0 || !ch.reactions || ch.collection != "messages" {
			return false
		}
		for i, key := range keys {
			w.fake.Insert("reactions", w.people[(s.c+i)%len(w.people)].id, map[string]any{"message": key, "emoji": []string{"👍", "🎉", ":-)"}[i%3]})
		}
		return true
	}},
	"second thoughts": {weight: 3, do: func(w *world, s step) bool {
		if !w.edit(s) {
			return false
		}
		time.Sleep(spread(s.c, 10*time.Second))
		same := s
		same.c -= s.c % 3 // the one that was changed last
		return outside[[]string{"web hide", "web hide", "web move", "web soft delete", "web delete"}[s.a%5]].do(w, same)
	}},
	"faults at once": {weight: 6, do: (*world).compound},
	"storm":          {weight: 2, do: (*world).storm},
	// Those who wait for Directus, or do not read, are told of what the others do all the same.
	"storm while others wait": {weight: 2, do: func(w *world, s step) bool {
		if ch, ok := w.open(s.b); ok {
			w.sendOut(ch, w.client(2*s.a).spec.person)
			time.Sleep(300 * time.Millisecond)
		}
		w.freeze(time.Now().Add(spread(s.b, 30*time.Second)))
		for i, c := range w.clients {
			if i%2 == 0 {
				c.send("WHOIS " + w.nickOf(s.c+i))
				c.loseSight(8 * time.Second)
			}
		}
		time.Sleep(200 * time.Millisecond)
		done, what := false, s.c
		if what%3 == typingStorm {
			what++ // of that others are told no more than now and then
		}
		for i := range 3 {
			done = w.storm(step{a: 2*(s.a+i) + 1, b: s.b, c: what}) || done
		}
		time.Sleep(2 * time.Second)
		w.mu.Lock()
		d := w.daemon
		w.mu.Unlock()
		w.judgeQueues(d)
		return done
	}},
	"reactions removed": {weight: 1, do: func(w *world, s step) bool {
		items := w.fake.Items("reactions")
		if len(items) == 0 {
			return false
		}
		w.fake.Remove("reactions", keyOf(items[s.c%len(items)]))
		return true
	}},
}

// compound commits several faults at once, or nearly, and has people write all the while: what a fault does matters while the
// daemon has not done yet with another.
func (w *world) compound(s step) bool {
	var names []string
	for _, name := range actNames() {
		if acts[name].fault && name != slowFault {
			names = append(names, name)
		}
	}
	for i := range 2 + s.c%3 {
		w.act(step{name: names[(s.a+i*(s.b+1))%len(names)], a: s.b + i, b: s.c + i, c: s.a + s.b*i})
		w.insert(step{a: s.a + i, b: s.b, c: s.c}, nil)
		time.Sleep(spread(s.a+7*i, 400*time.Millisecond))
	}
	for i := range 20 + s.a%40 {
		talk["say"].do(w, step{a: s.c + i, b: s.b + i/8, c: s.a})
		w.insert(step{a: s.a + i, b: s.b + i/8, c: s.c + i}, nil)
		time.Sleep(spread(s.b+5*i, 300*time.Millisecond))
	}
	return true
}

// typingStorm is the kind of storm by which clients say that their users are typing.
const typingStorm = 1

// storm has a client send what others are told of at once, as fast as it may.
func (w *world) storm(s step) bool {
	ch, ok := w.open(s.b)
	c := w.client(s.a)
	n := 20
	if w.scenario.settings.hasty {
		n = 5000 // three times as many are more than may wait
	}
	c.mu.Lock()
	kind := c.spec.kind
	in := ok && c.in[ch.name]
	c.mu.Unlock()
	if !in {
		return false
	}
	guest := w.outsider(ch, s.c)
	called := c.called(ch.name)
	line := []string{"AWAY :again\r\nAWAY", "@+typing=active TAGMSG " + called, "INVITE " + guest + " " + called}[s.c%3]
	if kind == plain && line[0] == '@' {
		return false
	}
	if line[0] == 'I' {
		c.mu.Lock()
		c.invited = append(c.invited, invitations{guest, time.Now(), n})
		c.mu.Unlock()
	}
	return c.flood(line, n)
}

// outsider is the nick of somebody who is not in a channel.
func (w *world) outsider(ch channelSpec, n int) string {
	for i := range w.clients {
		c := w.client(n + i)
		if nick := w.nickOf(n + i); nick != "nobody" && !w.isIn(c.spec.person, ch) {
			return nick
		}
	}
	return w.nickOf(n)
}

// sendOut has all clients of a person leave a channel for a while, so that they can be invited.
func (w *world) sendOut(ch channelSpec, person int) {
	for _, c := range w.clients {
		if c.spec.person == person && c.part(ch.name) {
			w.later(time.Minute, func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				delete(c.left, ch.name)
			})
		}
	}
}

// nickOf is the nick of a client, if it has one.
func (w *world) nickOf(n int) string {
	c := w.client(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.nick, "nobody")
}

// flood sends a line again and again without noting each.
func (c *client) flood(line string, n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.out == nil {
		return false
	}
	c.note("-> " + line + ", many times")
	lines := strings.Repeat(line+"\r\n", n-1) + line
	if n > readAhead {
		lines += "\r\nPING :" + stormEnd
	}
	select {
	case c.out <- lines:
		if n > readAhead {
			c.storms++
		}
		return true
	default:
		return false
	}
}

// slowFault is the one that takes more than a moment.
const slowFault = "rights changed while they wait"

// disturbances are faults that were added to the faults of single requests: of caches, proxies, clocks and the disk.
var disturbances = map[string]act{
	"REST 403":             {weight: 1, fault: true, do: restFault(directustest.RESTVerdict{Status: 403, Code: "FORBIDDEN"})},
	"REST HTML":            {weight: 2, fault: true, do: restFault(directustest.RESTVerdict{Status: 200})},
	"REST 502 by a proxy":  {weight: 1, fault: true, do: restFault(directustest.RESTVerdict{Status: 502})},
	"frame answered twice": {weight: 3, fault: true, do: frameFault(directustest.FrameVerdict{Twice: true})},
	"events twice": {weight: 3, fault: true, do: func(w *world, s step) bool {
		w.fake.RepeatEvents(true)
		w.later(spread(s.c, 10*time.Second), func() { w.fake.RepeatEvents(false) })
		return true
	}},
	// What a person may read changes while all of their clients wait for an answer, and are behind with what others say.
	slowFault: {weight: 2, fault: true, do: func(w *world, s step) bool {
		if name := []string{"rule", "revoke", "grant"}[s.c%3]; !administration[name].do(w, s) {
			return false
		}
		for round := range 8 {
			w.dawdle(time.Now().Add(8 * time.Second))
			for i, c := range w.clients {
				if c.spec.person == s.a%len(w.people) {
					talk["say"].do(w, step{a: i, b: s.b, c: s.c + round})
				}
			}
			time.Sleep(500 * time.Millisecond)
			w.flood(step{a: s.a + 1, b: s.b, c: s.c + round}, 3, nil)
			time.Sleep(7 * time.Second)
		}
		w.dawdle(time.Time{})
		return true
	}},
	"Directus frozen": {weight: 2, fault: true, do: func(w *world, s step) bool {
		until := time.Now().Add(spread(s.c, 90*time.Second))
		w.freeze(until)
		return true
	}},
	"Directus' clock set": {weight: 1, fault: true, do: func(w *world, s step) bool {
		w.setClock(time.Duration(s.c%241-120) * time.Second)
		return true
	}},
	"disk full": {weight: 2, fault: true, do: func(w *world, s step) bool {
		w.fillDisk(true)
		w.later(spread(s.c, 3*time.Minute), func() { w.fillDisk(false) })
		return true
	}},
}
