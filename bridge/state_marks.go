package bridge

// marks are the keys of a store that the file does not have as they are. Their owner
// guards them. Without a file there are none.
type marks struct {
	state *State
	keys  map[string]struct{}
}

// add marks a key.
func (m *marks) add(key string) {
	if m.state.file == nil {
		return
	}
	if m.keys == nil {
		m.keys = map[string]struct{}{}
	}
	m.keys[key] = struct{}{}
	m.state.ring()
}

// take returns all and keeps none.
func (m *marks) take() map[string]struct{} {
	keys := m.keys
	m.keys = nil
	return keys
}

func (m *marks) has(key string) bool {
	_, ok := m.keys[key]
	return ok
}
