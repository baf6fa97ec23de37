package resume

import (
	"cmp"
	"directus-ircd/bridge/collection"
	"slices"
	"time"
)

// MaxSteps is how many messages of a trail are told apart, and as many that are dated later than
// the clock of Directus shows, as it was set back. Of what comes late, one dated before more than
// these is taken for received.
const MaxSteps = collection.MaxToldApart

// Position is what a device has received of one channel. Like the cursor of a feed it
// is a date up to which nothing is missing, and as rows become visible later than
// their date says, the rows of the overlap before it and all behind it one by one.
// Its owner guards it.
type Position struct {
	// Date is up to where the collection had been read when the device was shown
	// it; zero: nothing is known.
	Date time.Time `json:"date"`
	// Floor stands for the steps that were too many: all up to it counts as
	// received. Its id is empty if there is none.
	Floor Step `json:"floor"`
	// Ahead is the same of what is dated later than the clock of Directus shows, as that was
	// set back: what is dated between the two was received before.
	Ahead Step   `json:"ahead,omitzero"`
	Steps []Step `json:"steps,omitempty"`
	// Came is when the device came first, by the clock of Directus, as long as nothing else is
	// known of it, since its backlog could not be read: it has missed what was written since.
	Came time.Time `json:"came,omitzero"`
	// Top is the highest key, where keys are numbers, of what was there when the device came for
	// the first time, or was let go from Steps since: what has a higher one, and is not among
	// Steps, was not received, whatever its date. Empty: not known.
	Top string `json:"top,omitempty"`
	// Told is up to where the device was told of what came late.
	Told collection.Bookmark `json:"told,omitzero"`

	Future Future // see AsOf; not kept
	over   string // see Above; not kept
}

// Above is the position as it is to be read where keys are numbers that count up.
func (t Position) Above(numbers bool) Position {
	if t.over = ""; numbers && collection.IsNumber(t.Top) {
		t.over = t.Top
	}
	return t
}

// Future is what a position has of the time that the clock of Directus does not show yet, as it was
// set back. What is dated there was received before that.
type Future struct {
	From  time.Time // by the clock; zero: it was not set back
	Until time.Time // what is dated from then on is told apart by the steps
	floor Step      // see trail
}

func (a Future) has(r collection.Row) bool {
	return !a.From.IsZero() && r.Date.After(a.From) && (r.Date.Before(a.Until) || a.floor.ID != "" && StepOf(r).Compare(a.floor) <= 0)
}

// Step is a row of a trail.
type Step struct {
	ID string `json:"id"`
	At int64  `json:"at"` // its date, in milliseconds
}

func StepOf(r collection.Row) Step { return Step{r.ID, r.Date.UnixMilli()} }

func (s Step) compareDate(at int64) int { return cmp.Compare(s.At, at) }

func (s Step) Compare(o Step) int {
	return cmp.Or(cmp.Compare(s.At, o.At), collection.CompareIDs(s.ID, o.ID))
}

// Known reports that there is something to go on from.
func (t Position) Known() bool { return !t.Date.IsZero() }

// isEmpty reports that the trail is as good as none.
func (t Position) isEmpty() bool { return !t.Known() && t.Came.IsZero() }

// From is the date from which on a device may have missed something.
func (t Position) From() time.Time { return t.Date.Add(-collection.Overlap) }

// AsOf is the trail as it is to be read by a clock of Directus that shows at most limit: if it
// was set back, what is written now is dated before what the device has. By no more than the
// overlap that makes no difference: the steps tell apart what is dated since then.
func (t Position) AsOf(limit time.Time) Position {
	if t.From().After(limit) {
		t.Future = Future{From: limit, Until: t.From()}
		t.Date = limit
	}
	if t.settle(limit); t.Ahead.ID != "" {
		t.Future.From, t.Future.floor = limit, t.Ahead
	}
	return t
}

// settle makes each floor the one that it is by a clock that shows at most limit.
func (t *Position) settle(limit time.Time) {
	floors := [...]Step{t.Floor, t.Ahead}
	t.Floor, t.Ahead = Step{}, Step{}
	for _, s := range floors {
		t.cover(s, limit)
	}
}

// cover lets a step stand for all up to it, on its side of what the clock shows at most.
func (t *Position) cover(s Step, limit time.Time) {
	floor := &t.Floor
	if s.At > limit.UnixMilli() {
		floor = &t.Ahead
	}
	if s.ID != "" && (floor.ID == "" || s.Compare(*floor) > 0) {
		*floor = s
	}
}

// Bound is in front of all that a device may have missed.
func (t Position) Bound() *collection.Bound {
	if floor := time.UnixMilli(t.Floor.At); t.Floor.ID != "" && !floor.Before(t.From()) {
		return &collection.Bound{Date: floor.UTC(), ID: t.Floor.ID, Behind: true, Over: t.over}
	}
	return &collection.Bound{Date: t.From(), Over: t.over}
}

// Reach moves the date on, never into the future, and never back.
func (t *Position) Reach(date time.Time, h collection.Horizon) {
	if date = collection.Earlier(date, h.Now); date.After(t.Date) {
		t.Date = date
	}
}

// Add notes a row. One without a date is never missed, as no reading finds it.
func (t *Position) Add(r collection.Row, h collection.Horizon) {
	if r.RawDate == "" {
		return
	}
	if t.Steps = append(t.Steps, StepOf(r)); len(t.Steps) > 2*MaxSteps {
		t.trim(h)
	}
}

// Merge adds what another trail of the same channel has. The steps of both stay as
// they are.
func (t *Position) Merge(o Position, h collection.Horizon) {
	t.Reach(o.Date, h)
	if t.Came.IsZero() || o.Came.Before(t.Came) && !o.Came.IsZero() {
		t.Came = o.Came
	}
	if t.Known() {
		t.Came = time.Time{}
	}
	t.settle(h.Now)
	t.cover(o.Floor, h.Now)
	t.cover(o.Ahead, h.Now)
	t.Steps = slices.Concat(t.Steps, o.Steps)
	t.Told = t.Told.Later(o.Told)
	t.Raise(o.Top)
	t.trim(h)
}

// trim lets go what no reading reaches any more, whichever asOf now, and what is more than
// MaxSteps. What was written before the clock was set back, and is dated later than it shows, is
// counted on its own: it is told apart from what is written once the clock shows that time again.
func (t *Position) trim(h collection.Horizon) {
	if t.Known() {
		first := collection.Earlier(t.From(), h.Now.Add(-collection.Overlap)).UnixMilli()
		t.Steps = slices.DeleteFunc(t.Steps, func(s Step) bool {
			if s.At < first {
				t.Raise(s.ID)
			}
			return s.At < first
		})
	}
	if len(t.Steps) <= MaxSteps {
		return
	}
	t.settle(h.Now)
	slices.SortFunc(t.Steps, Step.Compare)
	from, _ := slices.BinarySearchFunc(t.Steps, h.Now.UnixMilli()+1, Step.compareDate)
	to, _ := slices.BinarySearchFunc(t.Steps, max(h.Now.UnixMilli(), h.Ever.UnixMilli())+1, Step.compareDate)
	t.Steps = slices.Concat(t.latest(t.Steps[from:to], h), t.latest(slices.Concat(t.Steps[:from], t.Steps[to:]), h))
}

// latest are the last of some steps, as many as are told apart; a floor stands for the others.
func (t *Position) latest(steps []Step, h collection.Horizon) []Step {
	old := max(0, len(steps)-MaxSteps)
	for _, s := range steps[:old] {
		t.Raise(s.ID)
		// A row of the future must not hide what is written from now on.
		if s.At <= h.Ever.UnixMilli() {
			t.cover(s, h.Now)
		}
	}
	return steps[old:]
}

// Raise lets Top be a key at least.
func (t *Position) Raise(key string) {
	if t.Top == "" || collection.IsNumber(key) && collection.IsNumber(t.Top) && collection.CompareIDs(key, t.Top) > 0 {
		t.Top = key
	}
}

// Received tells for the rows of a reading which of them the device has.
func (t Position) Received() func(collection.Row) bool {
	ids := make(map[string]struct{}, len(t.Steps))
	for _, s := range t.Steps {
		ids[s.ID] = struct{}{}
	}
	floor := t.Floor
	return func(r collection.Row) bool {
		_, ok := ids[r.ID]
		return ok || t.Future.has(r) || floor.ID != "" && StepOf(r).Compare(floor) <= 0 && !r.IsOver(t.over)
	}
}
