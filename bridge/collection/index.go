package collection

import (
	"slices"
	"sync"
)

// Index finds the channels of a row by the value of one field. Rooms may come and go, while the
// channels of a configuration stay. Any goroutine may use it.
type Index struct {
	// Field is the field of the messages.
	Field string

	mu sync.RWMutex          // a leaf lock
	by map[string][]*Channel // by the value, as text; guarded by mu
}

// NewIndex makes an index without channels.
func NewIndex(field string) *Index { return &Index{Field: field, by: map[string][]*Channel{}} }

// indexOf makes an index of channels that differ by the value of one and the same field; nil
// if they are told apart in another way. Those that lack a value are not in it.
func indexOf(channels []*Channel) (x *Index, lacking []*Channel) {
	if len(channels) < 2 || len(channels[0].Equal) != 1 {
		return nil, nil
	}
	x = NewIndex(channels[0].Equal[0].field)
	for _, c := range channels {
		switch {
		case len(c.Equal) != 1 || c.Equal[0].field != x.Field:
			return nil, nil
		case c.Equal[0].null:
			lacking = append(lacking, c)
		default:
			x.Add(c.Equal[0].value, c)
		}
	}
	return x, lacking
}

// Add adds a channel for rows with a value.
func (x *Index) Add(value string, c *Channel) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.by[value] = append(slices.Clip(x.by[value]), c)
}

// Covering lists the channels that a row belongs to, deleted or not. The list is not to be
// changed.
func (g *Group) Covering(r Row) []*Channel {
	if g.Index == nil {
		return coveringOf(g.Channels, r)
	}
	raw := r.Values[g.Index.Field]
	if !isValue(raw) {
		return coveringOf(g.lacking, r)
	}
	g.Index.mu.RLock()
	defer g.Index.mu.RUnlock()
	return g.Index.by[Scalar(raw)]
}

func coveringOf(channels []*Channel, r Row) (covering []*Channel) {
	for _, c := range channels {
		if c.Covers(r) {
			covering = append(covering, c)
		}
	}
	return covering
}
