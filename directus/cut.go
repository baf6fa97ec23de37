package directus

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxString is how many bytes of a string of Directus are kept, as the string is
// decoded; a little more where that would cut a character. What is behind them is
// dropped as it is read, so that no text costs more, however long it is. See CutText.
const MaxString = 240 << 10

// MaxRelated is MaxString for what is in an item of an item: in all that is read over the
// socket, and in answers to a Query with CutRelated. Many answers to one long message must
// not bring its text once each.
const MaxRelated = 4 << 10

// cutMark stands behind a string that was cut, with the number of bytes that are
// missing and cutEnd. No text begins with it: databases know no NUL, or it is of no
// use there.
const (
	cutMark = "\x00[bytes not shown: "
	cutEnd  = "]"
)

// CutText takes the mark off a string that was cut at MaxString. more is how many
// bytes there are behind text; 0 for all others.
func CutText(s string) (text string, more int) {
	i := strings.LastIndex(s, cutMark)
	if i < 0 {
		return s, 0
	}
	number, ended := strings.CutSuffix(s[i+len(cutMark):], cutEnd)
	if more, _ = strconv.Atoi(number); !ended || more <= 0 {
		return s, 0
	}
	return s[:i], more
}

// leastChunk and readChunk are how much of a stream is looked at at once, in bytes: more
// and more as it goes on. Nearly all frames are small, and come often.
const (
	leastChunk = 512
	readChunk  = 16 << 10
)

// readCut reads a JSON text of which strings over MaxString are cut, and those of related
// items at related, and fails with ErrTooLarge when what is left of it has more than most
// bytes. It never holds more.
func readCut(r io.Reader, most, related int) ([]byte, error) {
	c := cutter{limit: MaxString, related: related}
	chunk := make([]byte, min(leastChunk, most+1))
	for {
		n, err := r.Read(chunk)
		c.take(chunk[:n])
		switch {
		case len(c.out) > most:
			return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
		case err == io.EOF:
			return c.out, nil
		case err != nil:
			return nil, err
		case n == len(chunk) && n < min(readChunk, most+1):
			chunk = make([]byte, min(2*n, readChunk))
		}
	}
}

// readWhole is readCut without cutting.
func readWhole(r io.Reader, most int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err == nil && len(body) > most {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
	}
	return body, err
}

// itemDepth is how many objects and lists there are around the fields of an item, in
// {"data":[{"text":"..."}]}.
const itemDepth = 3

// cutter copies JSON and leaves out what strings have behind limit bytes, or behind related
// bytes in items of items. It reads no more of the grammar than where strings, objects and
// lists begin and end, and passes anything else on.
type cutter struct {
	limit   int
	related int
	out     []byte

	depth    int // of objects and lists
	inString bool
	bound    int // limit or related, in a string
	escape   int // characters of an escape sequence that are to come
	rune     int // of \uXXXX, as far as it was read
	held     int // bytes of the string that are kept, as it is decoded
	dropped  int // and those that are not
}

func (c *cutter) take(p []byte) {
	for len(p) > 0 {
		n := 0
		switch {
		case !c.inString:
			n = c.between(p)
			c.out = append(c.out, p[:n]...)
		case c.escape > 0:
			n = 1
			c.unescape(p[0])
		default:
			n = c.plain(p)
		}
		p = p[n:]
	}
}

// between passes over what is in front of a string, and its beginning.
func (c *cutter) between(p []byte) int {
	for i, b := range p {
		switch b {
		case '{', '[':
			c.depth++
		case '}', ']':
			c.depth--
		case '"':
			c.inString, c.held, c.dropped, c.bound = true, 0, 0, c.limit
			if c.depth > itemDepth {
				c.bound = min(c.limit, c.related)
			}
			return i + 1
		}
	}
	return len(p)
}

// plain takes a part of a string up to an escape sequence, its end or the limit.
func (c *cutter) plain(p []byte) int {
	n := 0
	for n < len(p) && p[n] != '"' && p[n] != '\\' && (c.dropping() || c.held+n < c.bound || !utf8.RuneStart(p[n])) {
		n++
	}
	switch {
	case n > 0 && c.dropping():
		c.dropped += n
	case n > 0:
		c.held += n
		c.out = append(c.out, p[:n]...)
	case p[0] == '"':
		c.end()
		return 1
	case p[0] == '\\':
		c.escape, c.rune = 1, 0
		if c.held >= c.bound {
			c.dropped++
		}
		if !c.dropping() {
			c.out = append(c.out, '\\')
		}
		return 1
	default: // the first byte that is dropped
		c.dropped++
		return 1
	}
	return n
}

func (c *cutter) dropping() bool { return c.dropped > 0 }

// unescape takes one character behind a backslash.
func (c *cutter) unescape(b byte) {
	if !c.dropping() {
		c.out = append(c.out, b)
	}
	size := 0
	switch c.escape--; {
	case c.rune == 0 && c.escape == 0 && b == 'u':
		c.escape, c.rune = 4, 1
		return
	case c.rune == 0:
		size = 1
	default:
		digit, _ := strconv.ParseUint(string(b), 16, 8)
		c.rune = c.rune<<4 | int(digit)
		if c.escape > 0 {
			return
		}
		switch r := c.rune & 0xffff; {
		case r < 0x80:
			size = 1
		case r < 0x800 || 0xd800 <= r && r < 0xe000: // or half of a pair, which makes four
			size = 2
		default:
			size = 3
		}
	}
	if c.dropping() {
		c.dropped += size - 1 // the backslash was counted as one
		return
	}
	c.held += size
}

// end ends a string.
func (c *cutter) end() {
	if c.dropping() {
		c.out = fmt.Appendf(c.out, `\u0000%s%d%s`, cutMark[1:], c.dropped, cutEnd)
	}
	c.out = append(c.out, '"')
	c.inString = false
}
