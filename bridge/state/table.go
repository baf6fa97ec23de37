package state

import (
	"encoding/json"
	"maps"
	"sync"
)

// Table is a Bucket of small values that are all in memory as well. A value must not be changed
// once it was put. The caller bounds the number of values. All methods may be called from any
// goroutine, under any lock: they never wait for the disk.
type Table[V any] struct {
	name, kind string

	mu    sync.Mutex
	rows  map[string]V // guarded by mu
	marks Marks        // guarded by mu
}

// NewTable returns an empty table for a store. name is what Bucket returns, and kind What.
func NewTable[V any](s *Store, name, kind string) *Table[V] {
	return &Table[V]{name: name, kind: kind, rows: map[string]V{}, marks: Marks{store: s}}
}

func (t *Table[V]) Bucket() string { return t.name }
func (t *Table[V]) What() string   { return t.kind }

// Tidy implements Bucket; values do not age.
func (t *Table[V]) Tidy() {}

func (t *Table[V]) Load(key string, value []byte) error {
	var v V
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	t.rows[key] = v
	return nil
}

// Get returns the value of a key; ok is false if there is none.
func (t *Table[V]) Get(key string) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok = t.rows[key]
	return v, ok
}

// Len is how many values there are.
func (t *Table[V]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.rows)
}

// All returns a copy of the table.
func (t *Table[V]) All() map[string]V {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.rows)
}

// Put sets the value of a key.
func (t *Table[V]) Put(key string, v V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[key] = v
	t.marks.Add(key)
}

// Drop deletes a key.
func (t *Table[V]) Drop(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rows, key)
	t.marks.Add(key)
}

func (t *Table[V]) Changes() map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := t.marks.Take()
	values := make(map[string]any, len(keys))
	for key := range keys {
		if v, ok := t.rows[key]; ok {
			values[key] = v
		} else {
			values[key] = nil
		}
	}
	return values
}

func (t *Table[V]) Settle(changes map[string]any, written bool) {
	if written {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range changes {
		t.marks.Add(key)
	}
}

// Marks is the set of keys of a bucket that have changed since they were written. Its owner
// guards it. Without a file it stays empty.
type Marks struct {
	store *Store
	keys  map[string]struct{}
}

// NewMarks returns an empty set for a bucket of a store.
func NewMarks(s *Store) Marks { return Marks{store: s} }

// Add marks a key as changed and wakes the store. It never blocks.
func (m *Marks) Add(key string) {
	if m.store.file == nil {
		return
	}
	if m.keys == nil {
		m.keys = map[string]struct{}{}
	}
	m.keys[key] = struct{}{}
	m.store.bell.Ring()
}

// Take returns the set and leaves it empty.
func (m *Marks) Take() map[string]struct{} {
	keys := m.keys
	m.keys = nil
	return keys
}

// Has reports whether a key is marked.
func (m *Marks) Has(key string) bool {
	_, ok := m.keys[key]
	return ok
}
