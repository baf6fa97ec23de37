package simulation

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// lag is how long after a change of rights somebody may still be shown what they may not read any more: directus.recheck,
	// the usual debounce of edits, and as long as requests take.
	lag = recheck + merge + 25*time.Second
	// proof is how long it takes until what a device was shown is known to be received.
	proof = 30 * time.Second
	// patience is how long the answer to a PING may take.
	patience = 16 * time.Second
	// quiet is how long the world is looked at when nothing happens, and requests is what each user may cost Directus then,
	// beside what rereading says.
	quiet    = 5 * time.Minute
	requests = 125
	// renewals is what it may cost beside that where a session has to be renewed every minute or so, and with it whatever is
	// subscribed to and read: by tokens that expire soon, and on Directus 10, which tells nothing of rights.
	renewals = 50
	// probes is how often each user may have Directus asked for what was stored without an event: in three collections, and
	// every 3 s after events were lost.
	probes = 3 * int(quiet/(3*time.Second))
)

// verdict counts how often each promise was put to the test.
type verdict map[string]int

// judgeQuiet looks whether a world in which nothing happens comes to rest.
func (w *world) judgeQuiet() {
	before := w.fake.Counts()
	w.rest = time.Now()
	time.Sleep(quiet)
	w.judgeFeeds()
	w.verdict["a quiet system is quiet"]++
	after, sum := w.fake.Counts(), 0
	for what, n := range after {
		after[what] -= before[what]
		sum += n - before[what]
	}
	each := requests + probes + w.rereading()
	if w.scenario.settings.rooms.on {
		each += 2*probes/3 + int(quiet/(recheck/2)) // of posts and the lobby, and readings of the rooms
	}
	if d := w.scenario.settings.directus; d.AccessTTL > 0 || d.Version[:2] == "10" {
		each += renewals
	}
	if atMost := each * len(w.people); sum > atMost {
		w.fail("not quiet: %d requests of %d people in %v, at most %d: %v", sum, len(w.people), quiet, atMost, after)
	}
}

// rereading is how many requests one user may cost in the quiet time because Directus gives few keys at once: all that is
// dated within a minute before the newest message of a collection is looked at with each regular reading, and, where
// Directus does not say what may be read, with each check of the user.
func (w *world) rereading() int {
	limit := w.scenario.settings.directus.QueryLimitMax
	if limit == 0 {
		return 0
	}
	readings := int(quiet/(2*time.Minute)) + 30 // of them probes in the first minute
	if w.scenario.settings.directus.Version[:2] == "10" {
		readings = int(quiet / (recheck * 7 / 10))
	}
	pages := 0
	for _, collection := range []string{"messages", "other", posts, posts} { // rooms and a lobby have a feed each
		var newest time.Time
		dates := w.dates(collection)
		for _, d := range dates {
			if d.After(newest) {
				newest = d
			}
		}
		late := slices.DeleteFunc(dates, func(d time.Time) bool { return d.Before(newest.Add(-time.Minute)) })
		pages += len(late) / (limit - 1)
	}
	return readings * pages
}

// dates are those of what is stored in a collection.
func (w *world) dates(collection string) (dates []time.Time) {
	for _, item := range w.fake.Items(collection) {
		dates = append(dates, dateOf(item))
	}
	return dates
}

// judgeFeeds looks whether people share feeds as the configuration says: with feeds of their own, whoever may read a channel that
// a client of theirs is in has a subscription, and else one of those of whom Directus says the same.
func (w *world) judgeFeeds() {
	if strings.HasPrefix(w.scenario.settings.directus.Version, "10.") {
		return // it does not say who may read what
	}
	followed := []string{"messages", "other"}
	if s := w.scenario.settings.rooms; s.on && !s.lobby {
		followed = append(followed, posts)
	}
	channels := append(w.spec[:len(w.spec):len(w.spec)], w.openRooms()...)
	for _, collection := range followed {
		var readers, subscribed []string
		for i, p := range w.people {
			r := w.chronicle.now(i)
			if !r.inactive && !r.unread[collection] && !r.rule[collection] && !r.nameless && w.readsRooms(r, collection) && slices.ContainsFunc(channels, func(ch channelSpec) bool { return ch.collection == collection && w.isIn(i, ch) }) {
				readers = append(readers, p.id)
			}
		}
		if len(readers) < 2 {
			continue
		}
		w.verdict["feeds are shared as configured"]++
		for _, user := range w.fake.Subscribers(collection) {
			if slices.Contains(readers, user) {
				subscribed = append(subscribed, user)
			}
		}
		if w.own && len(subscribed) < len(readers) || !w.own && len(subscribed) > 1 {
			w.fail("shared: feeds of one's own %v, and of %d readers of %s %d have a subscription", w.own, len(readers), collection, len(subscribed))
		}
	}
}

// readsRooms reports whether somebody with some rights may read every room, where a collection is that of their messages.
func (w *world) readsRooms(r rights, collection string) bool {
	return collection != posts || !r.unread[roomsCollection] && len(r.closed) == 0
}

// isIn reports whether a client of a person is in a channel.
func (w *world) isIn(person int, ch channelSpec) bool {
	return slices.ContainsFunc(w.clients, func(c *client) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.spec.person == person && c.in[ch.name]
	})
}

// judge holds what the clients were sent against the chronicle. It is called when all has ended.
func (w *world) judge() {
	for _, c := range w.clients {
		for _, l := range c.letters {
			w.chronicle.sent[l.token.n] = l.at
		}
	}
	for _, c := range w.clients {
		w.judgeLeaks(c)
		w.judgeAcquaintance(c)
		w.judgeStays(c)
		w.judgeNames(c)
		w.judgeTruth(c)
		w.verdict["PING is answered"] += c.probes
		if c.slowest > patience {
			w.fail("%s waited %v for a PONG", c.name, c.slowest)
		}
	}
	w.judgeNicks()
	w.judgeStored()
	w.verdict["lines written in part stay whole"] += int(w.tries.part.Load())
}

// judgeLeaks looks at every text that a client was shown a part of.
func (w *world) judgeLeaks(c *client) {
	for _, g := range c.glimpses {
		if w.book.author(g.token.n) == c.spec.person {
			continue
		}
		slack := lag
		for _, s := range c.stalled {
			if g.at.After(s.begin) && g.at.Before(s.end.Add(10*time.Second)) {
				slack += s.end.Sub(s.begin)
			}
		}
		w.verdict["nobody is shown what they may not read"]++
		if g.channel == "" {
			w.judgePrivate(c, g)
			continue
		}
		ch, ok := w.channel(g.channel)
		if !ok {
			w.fail("%s: a line of a channel that there is not: %s", c.name, g.line)
			continue
		}
		readers := []int{c.spec.person}
		if slices.ContainsFunc(w.clients, func(o *client) bool { return o.spec.person == c.spec.person && o.spec.token }) { // one account is used for all
			readers = w.chronicle.readers(c.spec.person, g.at, slack)
		}
		debounce := time.Duration(0)
		if found := tokens(g.line); strings.Contains(g.line, "[edited]") && found[len(found)-1] != g.token {
			// What is named first is what the text was before it began to change. Of an edit that is found late, as its event was
			// lost, that has been gone for long: it tells nothing to who was shown it.
			if c.glimpsed(g) {
				continue
			}
			debounce = w.scenario.settings.merge
		}
		may := func(person int) bool { return w.chronicle.mayHaveSeen(person, ch, g.token, g.at, slack, debounce) }
		if !slices.ContainsFunc(readers, may) && !w.deletionNotice(c, ch, g) {
			w.fail("leaked: %s at %.3f: %s", c.name, g.at.Sub(w.start).Seconds(), g.line)
		}
	}
}

// glimpsed reports that a client was shown a text of a channel before.
func (c *client) glimpsed(g seen) bool {
	return slices.ContainsFunc(c.glimpses, func(o seen) bool { return o.channel == g.channel && o.token == g.token && o.at.Before(g.at) })
}

// deletionNotice reports that a line tells of a deletion by words that its reader could read before.
func (w *world) deletionNotice(c *client, ch channelSpec, g seen) bool {
	return strings.Contains(g.line, " NOTICE ") && w.chronicle.mayHaveSeen(c.spec.person, ch, g.token, g.at, time.Hour, 0)
}

// judgePrivate: a private message is shown to its two people alone.
func (w *world) judgePrivate(c *client, g seen) {
	for _, r := range w.chronicle.messages[g.token.n] {
		if r.collection != "private" || r.versions[0].item["recipient"] != w.people[c.spec.person].id {
			w.fail("leaked: %s was sent the private %s", c.name, g.line)
		}
	}
}

// judgeStays holds each channel of a client against what is stored.
func (w *world) judgeStays(c *client) {
	for _, ch := range w.everyChannel() {
		rows := w.rows(ch)
		place := map[int]int{}
		for i, r := range rows {
			place[r.message] = i
		}
		var mine []sighting
		for _, s := range c.sights {
			if s.channel == ch.name && !s.edit {
				mine = append(mine, s)
			}
		}
		w.judgeDoubles(c, ch, mine, rows, place)
		if *order {
			newReading(w, c, ch, mine, rows).judge()
		}
		w.judgeAuthors(c, mine)
	}
}

// everyChannel is all channels that there were, rooms included.
func (w *world) everyChannel() []channelSpec {
	all := slices.Clone(w.scenario.settings.channels)
	for _, id := range w.chronicle.roomKeys() {
		all = append(all, w.scenario.settings.roomSpec(id))
	}
	return all
}

// rows are the messages that ever belonged to a channel, in the order of the collection.
func (w *world) rows(ch channelSpec) (rows []*record) {
	for _, r := range w.chronicle.items {
		if r.collection == ch.collection && r.message > 0 && slices.ContainsFunc(r.versions, func(v version) bool { return ch.belongs(v.item) }) {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b *record) int {
		if c := a.date().Compare(b.date()); c != 0 {
			return c
		}
		return compareKeys(a.key, b.key)
	})
	return rows
}

// compareKeys orders keys as Directus does: numbers by value, others as text.
func compareKeys(a, b string) int {
	x, err1 := strconv.Atoi(a)
	y, err2 := strconv.Atoi(b)
	if err1 == nil && err2 == nil {
		return cmp.Compare(x, y)
	}
	return cmp.Compare(a, b)
}

// whole reports whether a client could read a message all along from a moment, so that nothing excuses showing it twice or
// not at all.
func (w *world) whole(c *client, ch channelSpec, r *record, from, to time.Time) bool {
	return w.chronicle.steady(c.spec.person, ch, r, from, to)
}

func (w *world) judgeDoubles(c *client, ch channelSpec, mine []sighting, rows []*record, place map[int]int) {
	type way struct {
		n, epoch, stay int
		history        bool
	}
	counts := map[way]int{}
	last := map[int]sighting{} // by message, of an earlier connection of a device
	for _, s := range mine {
		i, known := place[s.token.n]
		if !known || w.chronicle.restored(s.token.n) {
			continue
		}
		w.verdict["nothing is doubled"]++
		in := way{s.token.n, s.epoch, s.stay, s.page > 0}
		if counts[in]++; counts[in] > 1 && counts[in] > w.chronicle.arrivals(c.spec.person, ch, rows[i], s.at) {
			w.fail("doubled: %s was shown %v in %s twice, at %.3f again; it was %s", c.name, s.token, ch.name, w.since(s.at), w.story(rows[i]))
		}
		before, again := last[s.token.n]
		if again && c.spec.device != "" && before.stay < s.stay && c.spec.kind != paging &&
			w.isReceived(c, before, s) && w.whole(c, ch, rows[i], w.start, s.at) && !w.mayRepeat(c, s, rows[i]) {
			w.fail("doubled: the device %s was shown %v in %s at %.3f and at %.3f again", c.name, s.token, ch.name,
				before.at.Sub(w.start).Seconds(), s.at.Sub(w.start).Seconds())
		}
		last[s.token.n] = s
	}
}

// story tells what became of a message, for reports.
func (w *world) story(r *record) string {
	var b strings.Builder
	for _, v := range r.versions {
		fmt.Fprintf(&b, "[%.3f room %v, status %v, level %v] ", w.since(v.from), v.item["room"], v.item["status"], v.item["level"])
	}
	return b.String()
}

// isReceived reports whether the daemon knows in a later connection that a device has what it was shown.
func (w *world) isReceived(c *client, shown, later sighting) bool {
	end := c.stays[shown.stay].end
	return end.Sub(shown.at) > proof && !c.leavesUnproven(shown.stay, end) && !w.wreckedBetween(c.stays[shown.stay].life, c.stays[later.stay].life)
}

// wreckedBetween reports whether the daemon's state was lost between two of its lives. Times do not tell: one life may end at the
// moment at which the next begins, and has clients.
func (w *world) wreckedBetween(from, to int) bool {
	return slices.ContainsFunc(w.wrecked, func(life int) bool { return life >= from && life < to })
}

func (w *world) judgeAuthors(c *client, mine []sighting) {
	for _, s := range mine {
		author := w.book.author(s.token.n)
		if author < 0 || s.account == "" {
			continue
		}
		w.verdict["messages carry their author"]++
		if s.account != s.nick || !strings.HasPrefix(w.people[author].id, s.user) {
			w.fail("wrong author: %s was shown %v by %s!%s, account %s", c.name, s.token, s.nick, s.user, s.account)
		}
	}
}

// judgeNicks: a nick that was one user's is never another's.
func (w *world) judgeNicks() {
	owners := map[string]int{}
	judge := func(c *client, nick string, t token) {
		author := w.book.author(t.n)
		if author < 0 || len(w.wrecked) > 0 && w.renamed {
			return
		}
		w.verdict["nicks never change hands"]++
		if owner, known := owners[strings.ToLower(nick)]; known && owner != author {
			w.fail("a nick changed hands: %s was person %d and is %d, as %s was shown %v", nick, owner, author, c.name, t)
			return
		}
		owners[strings.ToLower(nick)] = author
	}
	for _, c := range w.clients {
		for _, s := range c.sights {
			if !s.edit {
				judge(c, s.nick, s.token)
			}
		}
		for _, q := range c.quotations {
			judge(c, q.nick, q.token)
		}
	}
}

// judgeStored: nothing is stored twice, at least not at one time; see restored.
func (w *world) judgeStored() {
	for n, rs := range w.chronicle.messages {
		w.verdict["nothing is stored twice"]++
		if len(rs) > 1 && !w.chronicle.restored(n) {
			w.fail("doubled: m%d is stored %d times", n, len(rs))
		}
	}
}
