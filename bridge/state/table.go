package state

import (
	"encoding/json"
	"maps"
	"sync"
)

// Table is a bucket of small values, all of which are in memory too. What is put must
// not be changed any more. It is as bounded as its user makes it. All methods may be
// called from any goroutine, under any lock: they never wait for the disk.
type Table[V any] struct {
	name, kind string

	mu    sync.Mutex
	rows  map[string]V // guarded by mu
	marks Marks        // guarded by mu
}

// NewTable makes a table of a Store: name is that of its bucket, and kind names in the
// log what it holds.
func NewTable[V any](s *Store, name, kind string) *Table[V] {
	return &Table[V]{name: name, kind: kind, rows: map[string]V{}, marks: Marks{store: s}}
}

func (t *Table[V]) Bucket() string { return t.name }
func (t *Table[V]) What() string   { return t.kind }
func (t *Table[V]) Tidy()          {}

func (t *Table[V]) Load(key string, value []byte) error {
	var v V
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	t.rows[key] = v
	return nil
}

func (t *Table[V]) Get(key string) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok = t.rows[key]
	return v, ok
}

// All returns a copy.
func (t *Table[V]) All() map[string]V {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.rows)
}

func (t *Table[V]) Put(key string, v V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[key] = v
	t.marks.Add(key)
}

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
