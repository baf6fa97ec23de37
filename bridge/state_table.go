package bridge

import (
	"encoding/json"
	"maps"
	"sync"
)

// table is a store of small values, all of which are in memory too. What is put must
// not be changed any more. It is as bounded as its user makes it. All methods may be
// called from any goroutine, under any lock: they never wait for the disk.
type table[V any] struct {
	name, kind string

	mu    sync.Mutex
	rows  map[string]V // guarded by mu
	marks marks        // guarded by mu
}

// newTable makes a table of a State: name is that of its bucket, and kind names in the
// log what it holds.
func newTable[V any](s *State, name, kind string) *table[V] {
	return &table[V]{name: name, kind: kind, rows: map[string]V{}, marks: marks{state: s}}
}

func (t *table[V]) bucket() string { return t.name }
func (t *table[V]) what() string   { return t.kind }
func (t *table[V]) tidy()          {}

func (t *table[V]) load(key string, value []byte) error {
	var v V
	if err := json.Unmarshal(value, &v); err != nil {
		return err
	}
	t.rows[key] = v
	return nil
}

func (t *table[V]) get(key string) (v V, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	v, ok = t.rows[key]
	return v, ok
}

// all returns a copy.
func (t *table[V]) all() map[string]V {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.rows)
}

func (t *table[V]) put(key string, v V) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[key] = v
	t.marks.add(key)
}

func (t *table[V]) drop(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.rows, key)
	t.marks.add(key)
}

func (t *table[V]) changes() map[string]any {
	t.mu.Lock()
	defer t.mu.Unlock()
	keys := t.marks.take()
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

func (t *table[V]) settle(changes map[string]any, written bool) {
	if written {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for key := range changes {
		t.marks.add(key)
	}
}
