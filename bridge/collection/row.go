package collection

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"directus-ircd/bridge/text"
	"directus-ircd/directus"
)

// Row is an item of a collection as far as a message needs it. Immutable.
type Row struct {
	// ID is the primary key as text, whatever its type; Key is the key as Directus wrote it.
	ID  string
	Key json.RawMessage
	// Date is zero if the item has none that can be read; RawDate is as Directus wrote it.
	Date    time.Time
	RawDate string
	// At is the time under which the row is shown, see DisplayTime; zero: its Date.
	At time.Time
	// Seen is when the row came live, if its date is a day without a time; zero otherwise.
	Seen time.Time
	// Author is the Directus user's id; empty if there is none.
	Author string
	// Recipient is the Directus user's id whom a private message is for.
	Recipient string
	// Notice says that the row was sent as a NOTICE.
	Notice bool
	// Text is the text as stored, or its beginning, which More further bytes follow: see
	// directus.MaxString. The text of a Reply is cut at text.MaxQuoted.
	Text string
	More int
	// Reply is the row that this one answers, as far as the user may read it.
	Reply *Row
	// Values holds the raw fields by which channels are told apart, and the others that are
	// no part of every message. None is longer than maxKeptValue but that of the files, which
	// holds the beginning of a long list.
	Values map[string]json.RawMessage
}

// KindNotice is the value of Fields.Kind in a NOTICE.
const KindNotice = "notice"

const (
	// maxKeptValue is the longest raw value, in bytes, that a row keeps beside Text: no filter
	// compares with a longer one, and thousands of rows are remembered.
	maxKeptValue = 1 << 10
	// maxKeptFiles is how many files of a row are kept. Of more than maxFiles only the number
	// is told.
	maxKeptFiles = 10 * maxFiles
)

// parseRow makes a row of a well-formed item. compared are the fields of f whose raw values are
// wanted too.
func parseRow(item []byte, f Fields, zone *time.Location, compared []string) (Row, error) {
	var r Row
	var answered []byte
	whole := directus.Members(item, func(field, value []byte) {
		is := func(name string) bool { return name != "" && string(field) == name }
		part := true
		switch { // a part of a message, which one field may be twice
		case is(f.Reply):
			answered = value
			return
		case is(f.Files):
			value, part = clipFiles(value), false
		case is(f.Key()):
			r.Key, r.ID = bytes.Clone(value), idOf(value)
		case is(f.Text):
			r.Text, r.More = directus.CutText(Scalar(value))
		case is(f.Date):
			r.RawDate = Scalar(value)
			r.Date = ParseDateIn(r.RawDate, zone)
		case is(f.Author):
			r.Author = related(value)
		case is(f.Recipient):
			r.Recipient = related(value)
		case is(f.Kind):
			r.Notice = Scalar(value) == KindNotice
		default:
			part = false
		}
		if part && !slices.Contains(compared, string(field)) || len(value) > maxKeptValue && !is(f.Files) {
			return
		}
		if r.Values == nil {
			r.Values = map[string]json.RawMessage{}
		}
		r.Values[string(field)] = bytes.Clone(value)
	})
	switch {
	case !whole:
		return Row{}, errors.New("read item: not an item")
	case r.ID == "":
		return Row{}, fmt.Errorf("read item: no primary key %q in it", f.Key())
	}
	if answered != nil {
		if q, err := parseRow(answered, f.bare(), zone, compared); err == nil {
			q.Text, q.More = text.Clip(q.Text, text.MaxQuoted), 0
			r.Reply = &q
		}
	}
	return r, nil
}

// emptyKey is the ID of a row whose key is the empty text, which Directus accepts where keys are
// texts. An empty ID stands for no row, and no database keeps a NUL in a key.
const emptyKey = "\x00"

// idOf returns the ID of the row with a key; empty if that is no key.
func idOf(key json.RawMessage) string {
	if string(key) == `""` {
		return emptyKey
	}
	return Scalar(key)
}

// IDOf returns the ID of the row with a key that a delete event names.
func IDOf(key string) string {
	if key == "" {
		return emptyKey
	}
	return key
}

// KeyOf is the key of the row with an ID, as Directus is asked for it.
func KeyOf(id string) string {
	if id == emptyKey {
		return ""
	}
	return id
}

// Says reports whether text is the whole text of the row. Of a text that was cut, its
// beginning and its length are compared.
func (r Row) Says(text string) bool {
	return len(text) == len(r.Text)+r.More && strings.HasPrefix(text, r.Text)
}

// WithoutTexts returns the row without its text and its reply, to be kept in little memory.
func (r Row) WithoutTexts() Row {
	r.Text, r.More, r.Reply = "", 0, nil
	return r
}

// Parse reads an item of the group, and learns from its date. Only an item without a key is an
// error: any other field may be missing, null or of another type, as Directus checks little of
// what other programs write.
func (g *Group) Parse(raw []byte) (Row, error) {
	r, err := parseRow(raw, g.Fields, g.Dates.Zone, g.compared)
	if err == nil {
		g.Dates.learn(r)
		r.Notice = r.Notice || g.Dates.Notices.has(r)
	}
	return r, err
}

// related returns the key of a related item, which raw holds bare or in an object.
func related(raw json.RawMessage) string {
	if key := Scalar(raw); key != "" {
		return key
	}
	var nested struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &nested) != nil {
		return ""
	}
	return Scalar(nested.ID)
}

// Scalar returns the text of a well-formed JSON string, number or boolean, and "" for
// anything else.
func Scalar(raw json.RawMessage) string {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '"':
		// As nearly all are, and much faster.
		if end := len(raw) - 1; end > 0 && raw[end] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
			return string(raw[1:end])
		}
		var s string
		if json.Unmarshal(raw, &s) != nil {
			return ""
		}
		return s
	case '{', '[', 'n':
		return ""
	}
	return string(raw)
}

// ParseDateIn reads a date in the forms that Directus writes: a timestamp has a zone and
// milliseconds; a dateTime has neither and is taken to be in zone (nil: UTC); a date is a
// day, which begins at midnight UTC. The result is UTC, cut to milliseconds; zero if s has
// none of these forms.
func ParseDateIn(s string, zone *time.Location) time.Time {
	if zone == nil || IsDay(s) {
		zone = time.UTC
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t.UTC().Truncate(time.Millisecond)
		}
	}
	return time.Time{}
}

// CompareRows orders by date and then by key, which is the order of the
// collection. Keys that are numbers compare as numbers.
func CompareRows(a, b Row) int {
	if c := a.Date.Compare(b.Date); c != 0 {
		return c
	}
	return CompareIDs(a.ID, b.ID)
}

// CompareIDs orders keys: as numbers if both are, else as texts.
func CompareIDs(a, b string) int {
	if !IsNumber(a) || !IsNumber(b) {
		return strings.Compare(a, b)
	}
	if negative := a[0] == '-'; negative || b[0] == '-' {
		if !negative || b[0] != '-' {
			return strings.Compare(a, b) // the sign is in front of all digits
		}
		a, b = b[1:], a[1:]
	}
	return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// HasNumber reports whether the key is a JSON number. Directus compares other keys only by
// equality, whatever the database could do. A key written as a string may still be a
// number, one too large for JSON.
func (r Row) HasNumber() bool { return len(r.Key) > 0 && r.Key[0] != '"' }

// IsOver reports whether the row's key is a number higher than key; nothing is over an
// empty one.
func (r Row) IsOver(key string) bool {
	return key != "" && IsNumber(r.ID) && CompareIDs(r.ID, key) > 0
}

// IsNumber reports whether a key is a whole number of any size, as databases write it.
func IsNumber(id string) bool {
	digits := strings.TrimPrefix(id, "-")
	for i := range len(digits) { // this is asked for each line that a session is shown
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return digits != "" && (digits[0] != '0' || id == "0")
}

// IsUUID reports whether a key is a UUID, the kind of key that a client may choose itself.
func IsUUID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

// KeyValue returns a key as it is written into a relation: a number if it is one.
func KeyValue(id string) any {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && strconv.FormatInt(n, 10) == id {
		return json.Number(id)
	}
	return KeyOf(id)
}

// ContentOf returns a hash of the row's text, but for white space, and of its files. Other
// fields do not count: an update may be no more than a counter that a web page keeps.
func (g *Group) ContentOf(r Row) uint64 {
	h, buf := fnv.New64a(), make([]byte, 0, 64) // one copy for all words
	for word := range strings.FieldsSeq(r.Text) {
		buf = append(append(buf[:0], word...), 0)
		h.Write(buf)
	}
	if r.More > 0 {
		fmt.Fprint(h, r.More)
	}
	if g.Fields.Files != "" {
		h.Write([]byte{1})
		h.Write(r.Values[g.Fields.Files])
	}
	return h.Sum64()
}

// Between reports whether a private message is one of two users.
func Between(r Row, a, b string) bool {
	return r.Author == a && r.Recipient == b || r.Author == b && r.Recipient == a
}
