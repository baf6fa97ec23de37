package collection

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
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
	// ID is the primary key as text, whatever its type; key is as Directus wrote it.
	ID  string
	Key json.RawMessage
	// Date is zero where the item has none that can be read; rawDate is as
	// Directus wrote it, to be compared by Directus.
	Date    time.Time
	RawDate string
	// At is the time under which the row is shown, see moment; zero: its date.
	At time.Time
	// Seen is when the row came, where its date does not tell the time of the day and
	// that is known; zero elsewhere.
	Seen time.Time
	// Author is the Directus user's id; empty if there is none.
	Author string
	// Recipient is the Directus user's id whom a private message is for.
	Recipient string
	// Text is as stored, or the beginning of that, with more bytes behind it: see
	// directus.MaxString. That of a reply is cut at maxQuoted.
	Text string
	More int
	// Reply is the row that this one answers, as far as the user may read it.
	Reply *Row
	// Values are the raw fields, to tell channels apart, but for long texts.
	Values map[string]json.RawMessage
}

const (

	// MaxKeptValue is how long the raw text of a row may be to be kept beside text.
	MaxKeptValue = 1 << 10
)

// ParseRow reads an item. Only an item without a key is an error: everything
// else may be missing, null or of another type, since Directus checks little
// of what others write.
func ParseRow(raw json.RawMessage, f Fields) (Row, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return Row{}, fmt.Errorf("read item: %w", err)
	}
	r := Row{Values: values, Key: values[f.Key()]}
	if r.ID = Scalar(r.Key); r.ID == "" {
		return Row{}, fmt.Errorf("read item: no primary key %q in it", f.Key())
	}
	r.RawDate = Scalar(values[f.Date])
	r.Date = parseDate(r.RawDate)
	r.Text, r.More = directus.CutText(Scalar(values[f.Text]))
	if len(values[f.Text]) > MaxKeptValue {
		delete(values, f.Text)
	}
	r.Author = related(values[f.Author])
	if f.Recipient != "" {
		r.Recipient = related(values[f.Recipient])
	}
	if f.Reply != "" {
		if answered, err := ParseRow(values[f.Reply], f.bare()); err == nil {
			answered.Text, answered.More = text.Clip(answered.Text, text.MaxQuoted), 0
			r.Reply = &answered
		}
		delete(values, f.Reply)
	}
	return r, nil
}

// Says reports whether the row's whole text is the given one, as far as that is known
// of a cut one.
func (r Row) Says(text string) bool {
	return len(text) == len(r.Text)+r.More && strings.HasPrefix(text, r.Text)
}

// WithoutTexts is the row as it is kept when its message is made.
func (r Row) WithoutTexts() Row {
	r.Text, r.More, r.Reply = "", 0, nil
	return r
}

// Parse reads an item of the group.
func (g *Group) Parse(raw json.RawMessage) (Row, error) {
	r, err := ParseRow(raw, g.Fields)
	if err != nil {
		return Row{}, err
	}
	r.Date = g.Dates.Parse(r.RawDate)
	if r.Reply != nil {
		r.Reply.Date = g.Dates.Parse(r.Reply.RawDate)
	}
	g.Dates.learn(r.RawDate, r.HasNumber())
	return r, nil
}

// related gives the key of a related item, which stands there bare or in an
// object.
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

// Scalar gives the text of a JSON string, number or boolean, which the decoder has found
// to be well formed, else "".
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

// parseDate is parseDateIn with UTC.
func parseDate(s string) time.Time { return ParseDateIn(s, nil) }

// ParseDateIn accepts the forms that Directus gives: with zone and milliseconds for a
// timestamp, without either for a dateTime, which is then of a zone (nil: UTC), and a
// day for a date, which begins in UTC. What is finer than a millisecond counts for
// nobody.
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

// HasNumber reports that the key is a number to Directus. It refuses to compare
// others by anything but equality, whatever the database could do; what it writes
// as a text may be a number too large for JSON, or none.
func (r Row) HasNumber() bool { return len(r.Key) > 0 && r.Key[0] != '"' }

// IsOver reports that the key is a higher number than another; nothing is over an empty key.
func (r Row) IsOver(key string) bool {
	return key != "" && IsNumber(r.ID) && CompareIDs(r.ID, key) > 0
}

// sameKind reports that two keys can be of one field.
func sameKind(a, b string) bool { return IsNumber(a) == IsNumber(b) && IsUUID(a) == IsUUID(b) }

// IsNumber recognises whole numbers of any size, as databases write them.
func IsNumber(id string) bool {
	digits := strings.TrimPrefix(id, "-")
	for i := range len(digits) { // this is asked for each line that a session is shown
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return digits != "" && (digits[0] != '0' || id == "0")
}

// IsUUID tells collections whose key a client may choose from those that count.
func IsUUID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

// KeyValue is a key as it is written into a relation: numbers as such.
func KeyValue(id string) any {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && strconv.FormatInt(n, 10) == id {
		return json.Number(id)
	}
	return id
}

// ContentOf tells versions of a row apart by what is said in it. White space
// does not count; neither does anything but the text and the files, since an
// update may well be the counter of a web page.
func (g *Group) ContentOf(r Row) uint64 {
	h := fnv.New64a()
	for word := range strings.FieldsSeq(r.Text) {
		io.WriteString(h, word)
		h.Write([]byte{0})
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
