package directus

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxString is how many bytes of a string from Directus are kept, counted after JSON
// decoding, and up to three more so that no character is cut. The rest is dropped while
// it is read, so that a long text takes no more memory. See CutText.
const MaxString = 240 << 10

// MaxRelated takes the place of MaxString inside related items: in everything that comes over
// a socket, and in the answer to a Query with CutRelated. Without it, many replies to one long
// message would each carry its whole text.
const MaxRelated = 4 << 10

// A string that was cut ends with cutMark, the number of missing bytes and cutEnd. cutMark
// begins with a NUL, so that no stored text is mistaken for one: databases refuse NUL, or
// nobody writes it.
const (
	cutMark = "\x00[bytes not shown: "
	cutEnd  = "]"
)

// CutText takes the mark off a string that was cut. more is the number of bytes that are
// missing behind text; it is 0 for a string that was not cut.
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

// The chunks in which a stream is read grow from leastChunk to readChunk bytes: most frames
// are small, and there are many of them.
const (
	leastChunk = 512
	readChunk  = 16 << 10
	// maxTrusted is up to how long a text may say that it is, to be given all its memory at once.
	maxTrusted = 256 << 10
)

// readCut reads a JSON text and cuts its strings at MaxString, and those of related items
// at related. If more than most bytes remain it fails with ErrTooLarge. It never holds more
// than that. size is how long the text is said to be; negative: nobody has said it.
func readCut(r io.Reader, size int64, most, related int) ([]byte, error) {
	c := cutter{limit: MaxString, related: related}
	first := leastChunk
	if size > leastChunk { // and no more memory than a text may take that nobody has sent yet
		first = readChunk
		c.out = make([]byte, 0, min(size, int64(most), maxTrusted))
	}
	chunk := make([]byte, min(first, most+1))
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

// readWhole reads a text of at most most bytes without cutting strings, and fails with
// ErrTooLarge beyond.
func readWhole(r io.Reader, most int) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err == nil && len(body) > most {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
	}
	return body, err
}

// itemDepth is the number of objects and lists around a field of an item:
// {"data":[{"text":"..."}]}. Strings at a greater depth belong to related items.
const itemDepth = 3

// cutter copies JSON and drops what a string has beyond limit bytes, or beyond related bytes
// in related items. Of the grammar it knows only where strings, objects and lists begin and
// end; malformed JSON passes through.
type cutter struct {
	limit   int
	related int
	out     []byte

	depth    int // of objects and lists
	inString bool
	bound    int // limit or related, whichever applies to this string
	escape   int // characters of an escape sequence still to come
	rune     int // code unit of \uXXXX, as far as it was read
	held     int // decoded bytes of this string that were kept
	dropped  int // decoded bytes of this string that were dropped
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

// between takes bytes up to the opening quote of the next string, and returns how many.
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

// plain takes bytes of a string up to an escape sequence, the closing quote or the bound,
// and returns how many.
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

// unescape takes one byte of an escape sequence, behind the backslash.
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
		case r < 0x800 || 0xd800 <= r && r < 0xe000: // or half of a surrogate pair, which makes four
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

// end closes a string, with the mark if it was cut.
func (c *cutter) end() {
	if c.dropping() {
		c.out = fmt.Appendf(c.out, `\u0000%s%d%s`, cutMark[1:], c.dropped, cutEnd)
	}
	c.out = append(c.out, '"')
	c.inString = false
}

// Members gives the members of a JSON object to yield, one after the other. A value is a part of
// object as it is written: nothing is copied, and nothing decoded. The result is false if object
// is none, or has no end. That it is well-formed otherwise, the caller has to know.
func Members(object []byte, yield func(name, value []byte)) bool {
	return eachPart(object, '{', '}', func(p []byte) (rest []byte) {
		name, rest := cutValue(p)
		rest = bytes.TrimLeft(rest, jsonSpace)
		if p[0] != '"' || len(rest) == 0 || rest[0] != ':' {
			return nil
		}
		value, rest := cutValue(bytes.TrimLeft(rest[1:], jsonSpace))
		if len(value) == 0 {
			return nil
		}
		if bytes.IndexByte(name, '\\') < 0 {
			yield(name[1:len(name)-1], value)
			return rest
		}
		var decoded string
		if json.Unmarshal(name, &decoded) != nil {
			return nil
		}
		yield([]byte(decoded), value)
		return rest
	})
}

// elements gives the elements of a JSON list to yield, as Members does.
func elements(list []byte, yield func(value []byte)) bool {
	return eachPart(list, '[', ']', func(p []byte) []byte {
		value, rest := cutValue(p)
		if len(value) == 0 {
			return nil
		}
		yield(value)
		return rest
	})
}

// jsonSpace is what may stand between the values of a JSON text.
const jsonSpace = " \t\r\n"

// eachPart calls take with what follows the opening bracket and each comma of an object or a list.
// take returns what follows the part, or nothing if there is none.
func eachPart(p []byte, opening, closing byte, take func(p []byte) (rest []byte)) bool {
	p = bytes.TrimLeft(p, jsonSpace)
	if len(p) == 0 || p[0] != opening {
		return false
	}
	p = bytes.TrimLeft(p[1:], jsonSpace)
	if len(p) > 0 && p[0] == closing {
		return true
	}
	for len(p) > 0 {
		p = bytes.TrimLeft(take(p), jsonSpace)
		switch {
		case len(p) == 0:
		case p[0] == closing:
			return true
		case p[0] == ',':
			p = bytes.TrimLeft(p[1:], jsonSpace)
		default:
			return false
		}
	}
	return false
}

// cutValue cuts the first value off a JSON text; it is empty if there is none, or it has no end.
func cutValue(p []byte) (value, rest []byte) {
	for i, depth := 0, 0; i < len(p); i++ {
		switch p[i] {
		case '"':
			for i++; i < len(p) && p[i] != '"'; i++ {
				if p[i] == '\\' {
					i++
				}
			}
			if i >= len(p) {
				return nil, nil
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			if depth == 0 {
				return p[:i], p[i:]
			}
			depth--
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return p[:i], p[i:]
			}
			continue
		default: // of a number or a word, which ends in front of one of these
			continue
		}
		if depth == 0 {
			return p[:i+1], p[i+1:]
		}
	}
	return nil, nil
}
