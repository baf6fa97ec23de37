package simulation

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"directus-ircd/bridge/text"
)

// keyOf is the key of an item, whatever its name.
func keyOf(item map[string]any) string {
	if key, ok := item["ref"]; ok {
		return fmt.Sprint(key)
	}
	return fmt.Sprint(item["id"])
}

// giveKey gives an item a text for a key, as a trigger of a database does: of mixed case, and in no order.
func (w *world) giveKey(collection string, item map[string]any) {
	s := w.scenario.settings
	if !s.textKeys || s.uuidKeys == (collection == "messages") || collection != "messages" && collection != "other" && collection != posts {
		return
	}
	n, _ := item[s.keyName].(json.Number).Int64()
	item[s.keyName] = string(rune("aBcDeFgHiJ"[n%10])) + strconv.FormatInt(n*7919%1000003, 36) + "." + strconv.FormatInt(n, 10)
}

// marked is a text as people write it in a page, where that is formatted.
func marked(words string, format text.Format) string {
	switch format {
	case text.HTML:
		return "<p>" + strings.Replace(words, "lorem ipsum", "<b>lorem</b> &amp; <i>ipsum</i>", 1) + "</p>"
	case text.Markdown:
		return strings.Replace(words, "lorem ipsum", "**lorem** _ipsum_", 1)
	}
	return words
}

// item is what a message in a channel is stored as.
func (w *world) item(ch channelSpec, t token, filler int) map[string]any {
	item := map[string]any{"text": marked(body(t, filler), w.scenario.settings.formats[ch.collection])}
	if ch.room != "" {
		item["room"] = ch.reference()
	}
	return item
}

// insert stores a message of somebody as a web page does.
func (w *world) insert(s step, change func(map[string]any)) bool {
	ch, ok := w.open(s.b)
	if !ok {
		return false
	}
	author := s.a % len(w.people)
	item := w.item(ch, w.book.message(author), s.c)
	if change != nil {
		change(item)
	}
	w.fake.Insert(ch.collection, w.people[author].id, item)
	return true
}

// stored is one of the items of a collection of a channel, often the one that was changed last: what becomes of a message
// matters most while the daemon has not done with what became of it before.
func (w *world) stored(s step) (collection string, item map[string]any, ok bool) {
	ch, ok := w.open(s.b)
	if !ok {
		return "", nil, false
	}
	items := w.fake.Items(ch.collection)
	if len(items) == 0 {
		return "", nil, false
	}
	// The latest ones are those that somebody has on the screen.
	n := min(len(items), 40)
	item = items[len(items)-1-s.c%n]
	if i := slices.IndexFunc(items, func(item map[string]any) bool { return keyOf(item) == w.touched[ch.collection] }); i >= 0 && s.c%3 == 0 {
		item = items[i]
	}
	w.touched[ch.collection] = keyOf(item)
	return ch.collection, item, true
}

// edit changes the text of a message.
func (w *world) edit(s step) bool {
	collection, item, ok := w.stored(s)
	if !ok {
		return false
	}
	found := tokens(fmt.Sprint(item["text"]))
	if len(found) == 0 {
		return false
	}
	w.fake.Update(collection, keyOf(item), map[string]any{
		"text": marked(body(w.book.version(found[0].n), s.a), w.scenario.settings.formats[collection]),
	})
	return true
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// outside is what people do in Directus and in web pages.
var outside = map[string]act{
	"web": {weight: 40, do: func(w *world, s step) bool { return w.insert(s, nil) }},
	"web, many": {weight: 4, do: func(w *world, s step) bool {
		done := false
		for i := range 10 + s.c%40 {
			done = w.insert(step{a: s.a, b: s.b, c: s.c + i}, nil)
		}
		return done
	}},
	"web, secret": {weight: 4, do: func(w *world, s step) bool {
		return w.insert(s, func(item map[string]any) { item["level"] = "secret" })
	}},
	"web, of the past": {weight: 2, do: func(w *world, s step) bool {
		return w.insert(s, func(item map[string]any) {
			item["date_created"] = stamp(time.Now().Add(-time.Duration(s.c%50) * time.Second))
		})
	}},
	"web, of the future": {weight: 1, do: func(w *world, s step) bool {
		return w.insert(s, func(item map[string]any) {
			item["date_created"] = stamp(time.Now().Add(time.Duration(s.c%100) * time.Second))
		})
	}},
	"web, by nobody": {weight: 1, do: func(w *world, s step) bool {
		ch, ok := w.open(s.b)
		if ok {
			w.fake.Insert(ch.collection, "", w.item(ch, w.book.message(-1), s.c))
		}
		return ok
	}},
	"web edit": {weight: 8, do: (*world).edit},
	"web edit, many": {weight: 1, do: func(w *world, s step) bool {
		done := false
		for i := range 5 + s.a%30 {
			done = w.edit(step{a: s.a + i, b: s.b, c: s.c + i}) || done
		}
		return done
	}},
	"web delete": {weight: 4, do: func(w *world, s step) bool {
		collection, item, ok := w.stored(s)
		if ok {
			w.fake.Remove(collection, keyOf(item))
		}
		return ok
	}},
	"web soft delete": {weight: 4, do: func(w *world, s step) bool {
		ch, _ := w.open(s.b)
		collection, item, ok := w.stored(s)
		if !ok || !ch.softDelete {
			return false
		}
		status := any("deleted")
		if item["status"] == "deleted" {
			status = nil // restored
		}
		w.fake.Update(collection, keyOf(item), map[string]any{"status": status})
		return true
	}},
	"web move": {weight: 2, do: func(w *world, s step) bool {
		collection, item, ok := w.stored(s)
		if !ok || collection != "messages" {
			return false
		}
		w.fake.Update(collection, keyOf(item), map[string]any{"room": []string{"dev", "ops", "pub", "attic"}[s.a%4]})
		return true
	}},
	"web hide": {weight: 2, do: func(w *world, s step) bool {
		collection, item, ok := w.stored(s)
		if !ok {
			return false
		}
		level := any("secret")
		if item["level"] == "secret" {
			level = nil
		}
		w.fake.Update(collection, keyOf(item), map[string]any{"level": level})
		return true
	}},
}

// administration is what administrators do, in Directus and on the machine.
var administration = map[string]act{
	"revoke": {weight: 2, do: func(w *world, s step) bool { return w.permit(s, false) }},
	"grant":  {weight: 4, do: func(w *world, s step) bool { return w.permit(s, true) }},
	"rule": {weight: 2, do: func(w *world, s step) bool {
		who, ch, ok := w.subject(s)
		if !ok || w.chronicle.now(who).unread[ch.collection] {
			return false
		}
		w.rule(who, ch.collection)
		return true
	}},
	"no names": {weight: 1, do: func(w *world, s step) bool {
		who := s.a % len(w.people)
		if w.scenario.settings.forgetful {
			return false
		}
		w.renamed = true
		w.fake.Deny(w.people[who].id, "directus_users", "read")
		w.chronicle.change(who, func(r *rights) { r.nameless = true })
		return true
	}},
	"names": {weight: 1, do: func(w *world, s step) bool {
		who := s.a % len(w.people)
		w.fake.Allow(w.people[who].id, "directus_users", "read")
		w.chronicle.change(who, func(r *rights) { r.nameless = false })
		return true
	}},
	"rename": {weight: 2, do: func(w *world, s step) bool {
		if w.scenario.settings.forgetful {
			return false
		}
		w.renamed = true
		w.fake.EditUser(w.people[s.a%len(w.people)].id, func(u *fakeUser) { u.FirstName = firstNames[s.c%len(firstNames)] })
		return true
	}},
	"swap tokens": {weight: 1, do: func(w *world, s step) bool {
		one, two := s.a%len(w.people), s.b%len(w.people)
		a, b := w.people[one], w.people[two]
		w.mu.Lock()
		a.token, b.token = b.token, a.token
		first, second := a.token, b.token
		w.mu.Unlock()
		w.fake.SetToken(a.id, first)
		w.fake.SetToken(b.id, second)
		w.chronicle.swap(one, two)
		return a != b
	}},
	"change password": {weight: 1, do: func(w *world, s step) bool {
		p := w.people[s.a%len(w.people)]
		w.mu.Lock()
		p.password = fmt.Sprintf("password %d", s.c)
		password := p.password
		w.mu.Unlock()
		w.fake.SetPassword(p.id, password)
		return true
	}},
	"suspend": {weight: 1, do: func(w *world, s step) bool {
		who := s.a % len(w.people)
		w.fake.Suspend(w.people[who].id)
		w.chronicle.change(who, func(r *rights) { r.inactive = true })
		return true
	}},
	"activate": {weight: 2, do: func(w *world, s step) bool {
		who := s.a % len(w.people)
		if !w.chronicle.now(who).inactive {
			return false
		}
		w.fake.EditUser(w.people[who].id, func(u *fakeUser) { u.Status = "active" })
		w.chronicle.change(who, func(r *rights) { r.inactive = false })
		return true
	}},
	"reload": {weight: 2, do: func(w *world, s step) bool {
		for _, ch := range w.scenario.settings.channels {
			if ch.late {
				w.spec = append(w.spec[:len(w.spec):len(w.spec)], ch)
				for i, other := range w.spec[:len(w.spec)-1] {
					if other.name == ch.name { // it is there: take it out
						w.spec = append(w.spec[:i:i], w.spec[i+1:len(w.spec)-1]...)
						break
					}
				}
			}
		}
		if s.c%2 == 0 {
			w.own = !w.own
		}
		w.configure()
		return true
	}},
	"restart": {weight: 2, do: func(w *world, s step) bool {
		w.stopDaemon()
		time.Sleep(time.Duration(s.c%10) * time.Second)
		w.startDaemon()
		return true
	}},
}

// configure has the daemon take the configuration as the world wants it now.
func (w *world) configure() {
	w.mu.Lock()
	d := w.daemon
	w.names = w.channelNames()
	w.mu.Unlock()
	if err := d.backend.Configure(w.options(d.client)); err != nil {
		w.fail("reload: %v", err)
	}
	w.reloads = append(w.reloads, time.Now())
}

// rule lets a person read of a collection what is not secret.
func (w *world) rule(who int, collection string) {
	w.chronicle.change(who, func(r *rights) { r.rule[collection] = true })
	if collection == posts {
		w.applyRights(who)
		return
	}
	w.fake.Restrict(w.people[who].id, collection, map[string]any{"level": map[string]any{"_neq": "secret"}})
}

// subject is whose rights are changed, and of what.
func (w *world) subject(s step) (who int, ch channelSpec, ok bool) {
	ch, ok = w.open(s.b)
	return s.a % len(w.people), ch, ok
}

func (w *world) permit(s step, allow bool) bool {
	who, ch, ok := w.subject(s)
	if !ok || w.chronicle.now(who).unread[ch.collection] != allow {
		return false
	}
	switch {
	case ch.collection == posts:
		defer w.applyRights(who)
	case allow:
		w.fake.Allow(w.people[who].id, ch.collection, "read")
	default:
		w.fake.Deny(w.people[who].id, ch.collection, "read")
	}
	w.chronicle.change(who, func(r *rights) {
		delete(r.unread, ch.collection)
		if allow {
			delete(r.rule, ch.collection)
		} else {
			r.unread[ch.collection] = true
		}
	})
	return true
}
