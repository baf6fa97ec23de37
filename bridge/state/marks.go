package state

// Marks are the keys of a bucket that the file does not have as they are. Their owner
// guards them. Without a file there are none.
type Marks struct {
	store *Store
	keys  map[string]struct{}
}

// NewMarks are none yet.
func NewMarks(s *Store) Marks { return Marks{store: s} }

// Add marks a key.
func (m *Marks) Add(key string) {
	if m.store.file == nil {
		return
	}
	if m.keys == nil {
		m.keys = map[string]struct{}{}
	}
	m.keys[key] = struct{}{}
	m.store.ring()
}

// Take returns all and keeps none.
func (m *Marks) Take() map[string]struct{} {
	keys := m.keys
	m.keys = nil
	return keys
}

func (m *Marks) Has(key string) bool {
	_, ok := m.keys[key]
	return ok
}
