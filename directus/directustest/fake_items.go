package directustest

import (
	"maps"
	"slices"
	"strings"
)

// subscribe registers a subscription with an explicit event, before it answers
// and without any check of rights, as Directus does. Callers hold mu.
func (s *socket) subscribe(m map[string]any, reply func(map[string]any)) {
	sub := &subscription{uid: keyText(m["uid"]), collection: text(m, "collection"), event: text(m, "event")}
	q, err := parseQuery(m["query"])
	known := s.fake.collections[sub.collection] != nil
	switch {
	case err != nil:
	case sub.event != "create" && sub.event != "update" && sub.event != "delete":
		err = invalid("INVALID_PAYLOAD", "Invalid payload. \"event\" must be one of create, update, delete.")
	case !known && s.fake.before("12"):
		err = invalid("INVALID_COLLECTION", "The provided collection does not exists or is not accessible.")
	case !known:
		err = forbidden()
	}
	if err != nil {
		reply(s.refusal("subscribe", m["uid"], err))
		return
	}
	sub.query = q
	s.subs = slices.DeleteFunc(s.subs, func(old *subscription) bool { return old.uid == sub.uid })
	s.subs = append(s.subs, sub)
	reply(map[string]any{"type": "subscription", "event": "init", "uid": sub.uid})
}

// refusal is an error frame. Directus 10 and 11 leave the uid out of nearly all
// of them, Directus 12 out of those about the shape of a subscribe.
func (s *socket) refusal(kind string, uid any, refused error) map[string]any {
	err := refused.(*apiError)
	frame := map[string]any{"type": kind, "status": "error", "error": map[string]any{"code": err.code, "message": err.message}}
	shape := kind == "subscribe" && err.code == "INVALID_PAYLOAD"
	if uid != nil && (!s.fake.before("12") && !shape || err.code == "INVALID_COLLECTION") {
		frame["uid"] = uid
	}
	return frame
}

// items carries out an items request. Callers hold mu.
func (s *socket) items(m map[string]any, reply func(map[string]any)) {
	name := text(m, "collection")
	ok := func(data any) map[string]any { return named(m, map[string]any{"type": "items", "data": data}) }
	fail := func(err error) {
		if !err.(*apiError).silent {
			reply(s.refusal("items", m["uid"], err))
		}
	}
	q, err := parseQuery(m["query"])
	data, _ := m["data"].(map[string]any)
	id := keyText(m["id"])
	switch action := text(m, "action"); {
	case err != nil:
		fail(err)
	case s.fake.collections[name] == nil || name == usersCollection:
		err := forbidden()
		if s.fake.before("12") || strings.HasPrefix(name, "directus_") {
			err = invalid("INVALID_COLLECTION", "The provided collection does not exists or is not accessible.")
		}
		fail(err)
	case action == "create":
		s.createItem(name, data, q, func(item map[string]any) { reply(ok(item)) }, fail)
	case action == "update" && id != "":
		item, err := s.fake.update(name, s.user, id, data)
		if err != nil {
			fail(err)
			return
		}
		reply(ok(item))
	case action == "delete" && id != "":
		if err := s.fake.remove(name, s.user, id, m["id"]); err != nil {
			fail(err)
			return
		}
		reply(ok(m["id"]))
	default:
		s.fake.t.Errorf("fake directus: %s of items without an id would hit every row that matches", action)
	}
}

// createItem stores an item and reads it back as the user, which may fail
// although it is stored. Callers hold mu.
func (s *socket) createItem(name string, data map[string]any, q query, reply func(map[string]any), fail func(error)) {
	f := s.fake
	stored, err := f.create(name, s.user, data)
	if err != nil {
		fail(err)
		return
	}
	picked, err := f.pick(name, s.user, stored, q.Fields)
	if !f.may(s.user, name, "read") {
		err = forbidden()
	}
	answer := func() {
		if err != nil {
			fail(err)
			return
		}
		reply(picked)
	}
	if f.opts.EchoAfterReply {
		answer()
	}
	f.emit(name, "create", []map[string]any{stored}, nil)
	if !f.opts.EchoAfterReply {
		answer()
	}
}

// Emit sends an event to all subscriptions although nothing has changed: items for
// create and update, keys for delete.
func (f *Fake) Emit(collection, event string, items []map[string]any, keys []any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.announce(collection, event, items, keys)
}

// emit sends the event of a change. Callers hold mu.
func (f *Fake) emit(collection, event string, items []map[string]any, keys []any) {
	if f.onChange != nil {
		f.onChange(FakeChange{Collection: collection, Event: event, Items: cloneItems(items), Keys: keyTexts(keys)})
	}
	f.announce(collection, event, items, keys)
}

// announce sends an event to the subscriptions, each with what the user of its socket
// may see at that moment. Callers hold mu.
func (f *Fake) announce(collection, event string, items []map[string]any, keys []any) {
	if f.losing {
		return
	}
	send := func() {
		for _, s := range f.sockets {
			for _, sub := range s.subs {
				if !s.closed && sub.collection == collection && sub.event == event {
					s.event(sub, items, keys)
				}
			}
		}
	}
	if f.holding {
		f.held = append(f.held, send)
		return
	}
	send()
	if f.repeating {
		send()
	}
}

// event sends one event on one subscription. Callers hold mu.
func (s *socket) event(sub *subscription, items []map[string]any, keys []any) {
	f := s.fake
	frame := map[string]any{"type": "subscription", "event": sub.event, "uid": sub.uid}
	if sub.event == "delete" { // neither filter nor rights
		frame["data"] = keys
		s.push(frame)
		return
	}
	var err error
	if !f.may(s.user, sub.collection, "read") {
		err = forbidden()
	}
	data := []map[string]any{}
	for _, item := range items {
		ok, merr := f.compile(sub.collection, s.user, sub.query.Filter)(item)
		if merr != nil {
			err = merr
		}
		if err != nil || !ok || !f.visible(sub.collection, s.user, item) {
			continue
		}
		picked, perr := f.pick(sub.collection, s.user, item, sub.query.Fields)
		if perr != nil {
			err = perr
		}
		data = append(data, picked)
	}
	if err != nil {
		s.push(s.refusal("subscribe", sub.uid, err))
		return
	}
	if len(data) > 0 {
		frame["data"] = data
		s.push(frame)
	}
}

func cloneItems(items []map[string]any) []map[string]any {
	clones := make([]map[string]any, len(items))
	for i, item := range items {
		clones[i] = maps.Clone(item)
	}
	return clones
}

func keyTexts(keys []any) []string {
	texts := make([]string, len(keys))
	for i, key := range keys {
		texts[i] = keyText(normal(key))
	}
	return texts
}
