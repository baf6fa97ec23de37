package resume

import (
	"cmp"
	"slices"
	"time"

	"directus-ircd/bridge/collection"
)

// maxDelivered is how many delivered messages a position keeps one by one, and as many again
// that are dated in the future, because the clock of Directus was set back. A late message
// that is dated before all that are kept is taken for delivered.
const maxDelivered = collection.MaxToldApart

// Position is what a device has received of one channel. Like the cursor of a feed it has a
// date up to which nothing is missing. As rows become visible later than their dates, it also
// lists the delivered rows with dates from collection.Overlap before that date on. Its owner
// guards it.
type Position struct {
	// Date is up to where the collection had been read when it was shown to the device;
	// zero: not known.
	Date time.Time `json:"date"`
	// Floor stands for deliveries that were too many to keep: everything up to it counts
	// as delivered. Its ID is empty if there is none.
	Floor Delivery `json:"floor"`
	// Ahead is a second floor, for what is dated later than the clock of Directus shows
	// now that it was set back: rows dated between now and Ahead were delivered before.
	Ahead     Delivery   `json:"ahead,omitzero"`
	Delivered []Delivery `json:"steps,omitempty"`
	// Came is when the device first came, by the clock of Directus, if its backlog could not
	// be read and so nothing else is known: it has missed what was written since.
	Came time.Time `json:"came,omitzero"`
	// Top is the highest numeric key among the rows that existed when the device first came
	// and those dropped from Delivered since. A row with a higher key that is not in
	// Delivered was not received, whatever its date. Empty: not known.
	Top string `json:"top,omitempty"`
	// Told is up to where the device was told of rows that came late.
	Told collection.Bookmark `json:"told,omitzero"`

	Future Future // set by AsOf, not stored
	over   string // set by Above, not stored
}

// Above returns the position with Top in force, if numbers says that the keys of the
// collection are numbers that count up; otherwise Top is ignored.
func (p Position) Above(numbers bool) Position {
	if p.over = ""; numbers && collection.IsNumber(p.Top) {
		p.over = p.Top
	}
	return p
}

// Future is the part of a position that lies in the future, because the clock of Directus was
// set back. Rows dated in it were delivered before that happened.
type Future struct {
	From  time.Time // the latest date by the clock as it is now; zero: it was not set back
	Until time.Time // rows dated from then on are looked up in Position.Delivered
	floor Delivery  // Position.Ahead
}

func (a Future) has(r collection.Row) bool {
	return !a.From.IsZero() && r.Date.After(a.From) && (r.Date.Before(a.Until) || a.floor.ID != "" && DeliveryOf(r).Compare(a.floor) <= 0)
}

// Delivery is a row that a device has received.
type Delivery struct {
	ID string `json:"id"`
	At int64  `json:"at"` // date of the row, in Unix milliseconds
}

// DeliveryOf returns the delivery of a row.
func DeliveryOf(r collection.Row) Delivery { return Delivery{r.ID, r.Date.UnixMilli()} }

func (d Delivery) compareDate(at int64) int { return cmp.Compare(d.At, at) }

// Compare orders deliveries as their rows are ordered in the collection.
func (d Delivery) Compare(o Delivery) int {
	return cmp.Or(cmp.Compare(d.At, o.At), collection.CompareIDs(d.ID, o.ID))
}

// Known reports whether there is a date to resume from.
func (p Position) Known() bool { return !p.Date.IsZero() }

// isEmpty reports whether the position holds nothing worth storing.
func (p Position) isEmpty() bool { return !p.Known() && p.Came.IsZero() }

// From returns the date from which on a device may have missed something.
func (p Position) From() time.Time { return p.Date.Add(-collection.Overlap) }

// AsOf returns the position adapted to a clock of Directus that shows at most limit. If that
// clock was set back, rows written now are dated before rows that the device has. That
// matters only if it was set back by more than collection.Overlap, as Delivered lists all rows
// dated since then.
func (p Position) AsOf(limit time.Time) Position {
	if p.From().After(limit) {
		p.Future = Future{From: limit, Until: p.From()}
		p.Date = limit
	}
	if p.settle(limit); p.Ahead.ID != "" {
		p.Future.From, p.Future.floor = limit, p.Ahead
	}
	return p
}

// settle sorts the two floors anew by a clock that shows at most limit.
func (p *Position) settle(limit time.Time) {
	floors := [...]Delivery{p.Floor, p.Ahead}
	p.Floor, p.Ahead = Delivery{}, Delivery{}
	for _, s := range floors {
		p.cover(s, limit)
	}
}

// cover raises Floor, or Ahead for a delivery dated after limit, to a delivery.
func (p *Position) cover(s Delivery, limit time.Time) {
	floor := &p.Floor
	if s.At > limit.UnixMilli() {
		floor = &p.Ahead
	}
	if s.ID != "" && (floor.ID == "" || s.Compare(*floor) > 0) {
		*floor = s
	}
}

// Bound returns a bound in front of everything that a device may have missed.
func (p Position) Bound() *collection.Bound {
	if floor := time.UnixMilli(p.Floor.At); p.Floor.ID != "" && !floor.Before(p.From()) {
		return &collection.Bound{Date: floor.UTC(), ID: p.Floor.ID, Behind: true, Over: p.over}
	}
	return &collection.Bound{Date: p.From(), Over: p.over}
}

// Reach moves Date forward, but never into the future.
func (p *Position) Reach(date time.Time, h collection.Horizon) {
	if date = collection.Earlier(date, h.Now); date.After(p.Date) {
		p.Date = date
	}
}

// Add notes that a row was delivered. A row without a date is ignored: no reading of the
// history finds it, so it cannot be missed.
func (p *Position) Add(r collection.Row, h collection.Horizon) {
	if r.RawDate == "" {
		return
	}
	if p.Delivered = append(p.Delivered, DeliveryOf(r)); len(p.Delivered) > 2*maxDelivered {
		p.trim(h)
	}
}

// Merge adds what another position of the same channel holds. It changes no element of either
// Delivered, as copies of positions share them.
func (p *Position) Merge(o Position, h collection.Horizon) {
	p.Reach(o.Date, h)
	if p.Came.IsZero() || o.Came.Before(p.Came) && !o.Came.IsZero() {
		p.Came = o.Came
	}
	if p.Known() {
		p.Came = time.Time{}
	}
	p.settle(h.Now)
	p.cover(o.Floor, h.Now)
	p.cover(o.Ahead, h.Now)
	p.Delivered = slices.Concat(p.Delivered, o.Delivered)
	p.Told = p.Told.Later(o.Told)
	p.Raise(o.Top)
	p.trim(h)
}

// trim drops deliveries that are dated before any reading from now on begins, and those in
// excess of maxDelivered. Deliveries in the future, from before the clock was set back, are
// counted separately: they must be told apart from rows that are written when the clock shows
// that time again.
func (p *Position) trim(h collection.Horizon) {
	if p.Known() {
		first := collection.Earlier(p.From(), h.Now.Add(-collection.Overlap)).UnixMilli()
		p.Delivered = slices.DeleteFunc(p.Delivered, func(s Delivery) bool {
			if s.At < first {
				p.Raise(s.ID)
			}
			return s.At < first
		})
	}
	if len(p.Delivered) <= maxDelivered {
		return
	}
	p.settle(h.Now)
	slices.SortFunc(p.Delivered, Delivery.Compare)
	from, _ := slices.BinarySearchFunc(p.Delivered, h.Now.UnixMilli()+1, Delivery.compareDate)
	to, _ := slices.BinarySearchFunc(p.Delivered, max(h.Now.UnixMilli(), h.Ever.UnixMilli())+1, Delivery.compareDate)
	p.Delivered = slices.Concat(p.latest(p.Delivered[from:to], h), p.latest(slices.Concat(p.Delivered[:from], p.Delivered[to:]), h))
}

// latest returns the last maxDelivered of some deliveries; a floor stands for the others.
func (p *Position) latest(deliveries []Delivery, h collection.Horizon) []Delivery {
	old := max(0, len(deliveries)-maxDelivered)
	for _, s := range deliveries[:old] {
		p.Raise(s.ID)
		// A floor in the future would hide rows that are written from now on.
		if s.At <= h.Ever.UnixMilli() {
			p.cover(s, h.Now)
		}
	}
	return deliveries[old:]
}

// Raise makes key the Top if it is higher.
func (p *Position) Raise(key string) {
	if p.Top == "" || collection.IsNumber(key) && collection.IsNumber(p.Top) && collection.CompareIDs(key, p.Top) > 0 {
		p.Top = key
	}
}

// Received returns a function that reports whether the device has received a row. It does not
// see later changes of the position.
func (p Position) Received() func(collection.Row) bool {
	ids := make(map[string]struct{}, len(p.Delivered))
	for _, s := range p.Delivered {
		ids[s.ID] = struct{}{}
	}
	floor := p.Floor
	return func(r collection.Row) bool {
		_, ok := ids[r.ID]
		return ok || p.Future.has(r) || floor.ID != "" && DeliveryOf(r).Compare(floor) <= 0 && !r.IsOver(p.over)
	}
}
