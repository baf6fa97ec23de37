package directustest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
)

// AddCollection adds an empty collection.
func (f *Fake) AddCollection(name string, c FakeCollection) {
	if c.Relations == nil {
		c.Relations = map[string]string{}
	}
	c.Relations = maps.Clone(c.Relations)
	c.Relations["user_created"] = usersCollection
	if c.Key == "" {
		c.Key = "id"
	}
	c.Fields = append([]string{c.Key, "date_created", "user_created"}, c.Fields...)
	if c.DateUpdated != "" {
		c.Fields = append(c.Fields, c.DateUpdated)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.collections[name] = &collection{FakeCollection: c, name: name}
}

// normal returns a value as it is after encoding to JSON and back, with json.Number for numbers.
func normal(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("fake directus: %v", err)) // a mistake in the test itself
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	var out any
	if err := dec.Decode(&out); err != nil {
		panic(fmt.Sprintf("fake directus: %v", err))
	}
	return out
}

// Insert stores an item as another client of Directus would, sends its event
// and returns its key as a string. A given date_created is kept.
func (f *Fake) Insert(collection, author string, item map[string]any) string {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	data := normal(item).(map[string]any)
	stored, err := f.create(collection, everyone, data)
	if err != nil {
		f.t.Errorf("fake directus: insert into %s: %v", collection, err)
		return ""
	}
	stored["user_created"] = nil
	if author != "" {
		stored["user_created"] = author
	}
	if d, ok := data["date_created"]; ok {
		stored["date_created"] = d
	}
	f.emit(collection, "create", []map[string]any{stored}, nil)
	return keyText(stored[f.collections[collection].Key])
}

// Update changes an item as an administrator would and sends the event.
func (f *Fake) Update(collection, id string, changes map[string]any) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.update(collection, everyone, id, normal(changes).(map[string]any)); err != nil {
		f.t.Errorf("fake directus: update %s %s: %v", collection, id, err)
	}
}

// Remove deletes an item as an administrator would and sends the event.
func (f *Fake) Remove(collection, id string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.remove(collection, everyone, id, id); err != nil {
		f.t.Errorf("fake directus: remove %s %s: %v", collection, id, err)
	}
}

// UpdateMany makes the same changes to several items in one request, as an administrator
// would, and sends the single event of that.
func (f *Fake) UpdateMany(collection string, ids []string, changes map[string]any) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var changed []map[string]any
	for _, id := range ids {
		item, err := f.change(collection, everyone, id, normal(changes).(map[string]any))
		if err != nil {
			f.t.Errorf("fake directus: update %s %s: %v", collection, id, err)
			continue
		}
		changed = append(changed, item)
	}
	f.emit(collection, "update", changed, nil)
}

// RemoveMany deletes several items in one request, as an administrator would, and sends
// the single event of that.
func (f *Fake) RemoveMany(collection string, ids []string) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var keys []any
	for _, id := range ids {
		if err := f.drop(collection, everyone, id); err != nil {
			f.t.Errorf("fake directus: remove %s %s: %v", collection, id, err)
			continue
		}
		keys = append(keys, id)
	}
	f.emit(collection, "delete", nil, keys)
}

// Items returns copies of all items of a collection, in the order in which they were stored.
func (f *Fake) Items(collection string) []map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.collections[collection]
	if c == nil {
		return nil
	}
	return cloneItems(c.items)
}
