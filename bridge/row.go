package bridge

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"directus-ircd/bridge/text"
	"directus-ircd/directus"
)

// row is an item of a collection as far as a message needs it. Immutable.
type row struct {
	// id is the primary key as text, whatever its type; key is as Directus wrote it.
	id  string
	key json.RawMessage
	// date is zero where the item has none that can be read; rawDate is as
	// Directus wrote it, to be compared by Directus.
	date    time.Time
	rawDate string
	// at is the time under which the row is shown, see moment; zero: its date.
	at time.Time
	// seen is when the row came, where its date does not tell the time of the day and
	// that is known; zero elsewhere.
	seen time.Time
	// author is the Directus user's id; empty if there is none.
	author string
	// recipient is the Directus user's id whom a private message is for.
	recipient string
	// text is as stored, or the beginning of that, with more bytes behind it: see
	// directus.MaxString. That of a reply is cut at maxQuoted.
	text string
	more int
	// reply is the row that this one answers, as far as the user may read it.
	reply *row
	// values are the raw fields, to tell channels apart, but for long texts.
	values map[string]json.RawMessage
}

const (

	// maxKeptValue is how long the raw text of a row may be to be kept beside text.
	maxKeptValue = 1 << 10
)

// parseRow reads an item. Only an item without a key is an error: everything
// else may be missing, null or of another type, since Directus checks little
// of what others write.
func parseRow(raw json.RawMessage, f Fields) (row, error) {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return row{}, fmt.Errorf("read item: %w", err)
	}
	r := row{values: values, key: values[f.key()]}
	if r.id = scalar(r.key); r.id == "" {
		return row{}, fmt.Errorf("read item: no primary key %q in it", f.key())
	}
	r.rawDate = scalar(values[f.Date])
	r.date = parseDate(r.rawDate)
	r.text, r.more = directus.CutText(scalar(values[f.Text]))
	if len(values[f.Text]) > maxKeptValue {
		delete(values, f.Text)
	}
	r.author = related(values[f.Author])
	if f.Recipient != "" {
		r.recipient = related(values[f.Recipient])
	}
	if f.Reply != "" {
		if answered, err := parseRow(values[f.Reply], f.bare()); err == nil {
			answered.text, answered.more = text.Clip(answered.text, text.MaxQuoted), 0
			r.reply = &answered
		}
		delete(values, f.Reply)
	}
	return r, nil
}

// says reports whether the row's whole text is the given one, as far as that is known
// of a cut one.
func (r row) says(text string) bool {
	return len(text) == len(r.text)+r.more && strings.HasPrefix(text, r.text)
}

// withoutTexts is the row as it is kept when its message is made.
func (r row) withoutTexts() row {
	r.text, r.more, r.reply = "", 0, nil
	return r
}

// parse reads an item of the group.
func (g *group) parse(raw json.RawMessage) (row, error) {
	r, err := parseRow(raw, g.fields)
	if err != nil {
		return row{}, err
	}
	r.date = g.dates.parse(r.rawDate)
	if r.reply != nil {
		r.reply.date = g.dates.parse(r.reply.rawDate)
	}
	g.dates.learn(r.rawDate)
	return r, nil
}

// related gives the key of a related item, which stands there bare or in an
// object.
func related(raw json.RawMessage) string {
	if key := scalar(raw); key != "" {
		return key
	}
	var nested struct {
		ID json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &nested) != nil {
		return ""
	}
	return scalar(nested.ID)
}

// scalar gives the text of a JSON string, number or boolean, which the decoder has found
// to be well formed, else "".
func scalar(raw json.RawMessage) string {
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
func parseDate(s string) time.Time { return parseDateIn(s, nil) }

// parseDateIn accepts the forms that Directus gives: with zone and milliseconds for a
// timestamp, without either for a dateTime, which is then of a zone (nil: UTC), and a
// day for a date, which begins in UTC. What is finer than a millisecond counts for
// nobody.
func parseDateIn(s string, zone *time.Location) time.Time {
	if zone == nil || isDay(s) {
		zone = time.UTC
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t.UTC().Truncate(time.Millisecond)
		}
	}
	return time.Time{}
}

// compareRows orders by date and then by key, which is the order of the
// collection. Keys that are numbers compare as numbers.
func compareRows(a, b row) int {
	if c := a.date.Compare(b.date); c != 0 {
		return c
	}
	return compareIDs(a.id, b.id)
}

func compareIDs(a, b string) int {
	if !isNumber(a) || !isNumber(b) {
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

// hasNumber reports that the key is a number to Directus. It refuses to compare
// others by anything but equality, whatever the database could do; what it writes
// as a text may be a number too large for JSON, or none.
func (r row) hasNumber() bool { return len(r.key) > 0 && r.key[0] != '"' }

// sameKind reports that two keys can be of one field.
func sameKind(a, b string) bool { return isNumber(a) == isNumber(b) && isUUID(a) == isUUID(b) }

// isNumber recognises whole numbers of any size, as databases write them.
func isNumber(id string) bool {
	digits := strings.TrimPrefix(id, "-")
	for i := range len(digits) { // this is asked for each line that a session is shown
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return digits != "" && (digits[0] != '0' || id == "0")
}

// isUUID tells collections whose key a client may choose from those that count.
func isUUID(id string) bool { return len(id) == 36 && uuid.Validate(id) == nil }

// keyValue is a key as it is written into a relation: numbers as such.
func keyValue(id string) any {
	if n, err := strconv.ParseInt(id, 10, 64); err == nil && strconv.FormatInt(n, 10) == id {
		return json.Number(id)
	}
	return id
}
