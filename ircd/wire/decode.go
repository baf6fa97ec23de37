package wire

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	irc "gopkg.in/irc.v4"
)

// Limits of what a client may send on one line, for newLineReader. RFC 1459
// stops at 512 bytes and cuts the rest off; a text is worth more than that rule,
// so a longer body is taken whole.
const (
	MaxInputBody = 8192     // bytes behind the tags, without the line end
	MaxInputTags = 4094 + 2 // tag section with its "@" and its space (IRCv3 message-tags)
	maxCommand   = 32       // letters; the longest command in use has 12
)

var (
	// ErrTooLong is a line over the limits, of which nothing is kept: 417.
	ErrTooLong = errors.New("line too long")
	// ErrTLS is a TLS client on a listener that expects plain text.
	ErrTLS = errors.New("this port takes no TLS: connect without, or to the port for TLS")

	errNoCommand  = errors.New("line without a command")
	errBadCommand = errors.New("command is neither a word nor three digits")
	errLineBreak  = errors.New("line break or nul inside a line")
)

const utf8BOM = "\xef\xbb\xbf"

// Reader cuts a byte stream into lines. It holds at most one line within
// the limits, whatever comes. It is used by one goroutine.
type Reader struct {
	r       *bufio.Reader
	maxLine int
	maxTags int

	// The state of the line being read. It is kept here so that a read that
	// times out in the middle of a line loses nothing.
	buf     []byte
	tagged  bool // the line began with "@"
	tags    int  // length of the tag section once it is complete, else 0
	tooLong bool // the rest of the line is dropped
	started bool // the first bytes of the stream have been looked at
}

// NewReader returns a reader of lines whose tag section is at most maxTags
// bytes, "@" and the space behind it included, and whose rest is at most
// maxLine bytes without the line end.
func NewReader(r io.Reader, maxLine, maxTags int) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 512), maxLine: maxLine, maxTags: maxTags}
}

// ReadLine returns the next line that is not blank, without its end, which may
// be LF, CR LF or CR. NUL bytes and a byte order mark at the start of the stream
// are dropped.
//
// errLineTooLong stands for one line that was read to its end and dropped but for
// its tag section, if that was within the limit; the next call goes on behind it.
// Any other error is the stream's. A line cut off
// by the end of the stream is not returned, because half a message is worse
// than none.
func (lr *Reader) ReadLine() (string, error) {
	for {
		b, err := lr.r.ReadByte()
		switch {
		case err != nil:
			return "", err
		case b == '\n' || b == '\r':
			line, err := lr.endLine()
			if err != nil || strings.Trim(line, " ") != "" {
				return line, err
			}
		case b == 0 || lr.tooLong:
		default:
			if err := lr.add(b); err != nil {
				return "", err
			}
		}
	}
}

// add appends a byte to the line, or drops the line when it has grown too long.
func (lr *Reader) add(b byte) error {
	if len(lr.buf) == 0 {
		lr.tagged = b == '@'
	}
	lr.buf = append(lr.buf, b)
	inTags := lr.tagged && lr.tags == 0
	if inTags && b == ' ' {
		lr.tags = len(lr.buf)
	}
	switch {
	case inTags && len(lr.buf) > lr.maxTags, !inTags && len(lr.buf)-lr.tags > lr.maxLine:
		lr.tooLong = true
	case !lr.started && len(lr.buf) == len(utf8BOM):
		lr.started = true
		if string(lr.buf) == utf8BOM {
			lr.buf = lr.buf[:0]
		}
		if looksLikeTLS(lr.buf) {
			return ErrTLS
		}
	}
	return nil
}

// endLine returns the line that has been collected and makes room for the next.
func (lr *Reader) endLine() (string, error) {
	tooLong := lr.tooLong
	if tooLong {
		lr.buf = lr.buf[:lr.tags]
	}
	line := string(lr.buf)
	lr.buf, lr.tagged, lr.tags, lr.tooLong = lr.buf[:0], false, 0, false
	if line != "" {
		lr.started = true
	}
	if cap(lr.buf) > 1024 {
		lr.buf = nil // a connection that once sent a long line does not keep its buffer
	}
	if tooLong {
		return line, ErrTooLong
	}
	return line, nil
}

// Parse parses a line as a client sends it. The command is in upper case; a
// source that the client claimed is dropped, so that Prefix is always empty.
// Blanks around and between the parameters are as the client pleases, except
// behind the colon of the last one, where they are text.
//
// An error is a line without a command (RFC 2812, 2.3.1); a line that has a
// command but not one that anybody knows is no error.
func Parse(line string) (*irc.Message, error) {
	if strings.ContainsAny(line, "\r\n\x00") {
		return nil, errLineBreak
	}
	tags, rest := SplitTags(line)
	rest = SkipSource(rest)
	command, _, _ := strings.Cut(rest, " ")
	if command == "" {
		return nil, errNoCommand
	}
	if !isCommand(command) {
		return nil, errBadCommand
	}
	// ParseMessage indexes behind the tags without looking whether anything is
	// there. From here on something is.
	if tags != "" {
		rest = "@" + tags + " " + rest
	}
	m, err := irc.ParseMessage(rest)
	if err != nil {
		return nil, fmt.Errorf("parse line: %w", err)
	}
	delete(m.Tags, "") // "@;a=b" is a tag without a name
	return m, nil
}

// RawParams returns what follows the command as it was sent, without one
// leading colon. Passwords are read so: several clients never write the colon,
// and a password with spaces would arrive as several parameters.
func RawParams(line string) string {
	_, rest := SplitTags(line)
	_, params, _ := strings.Cut(SkipSource(rest), " ")
	return strings.TrimPrefix(strings.TrimLeft(params, " "), ":")
}

// SplitTags returns the tag section without its "@", and the rest without
// leading blanks.
func SplitTags(line string) (tags, rest string) {
	line = strings.TrimLeft(line, " ")
	if !strings.HasPrefix(line, "@") {
		return "", line
	}
	tags, rest, _ = strings.Cut(line[1:], " ")
	return tags, strings.TrimLeft(rest, " ")
}

// SkipSource drops a source, which only servers may set.
func SkipSource(line string) string {
	if !strings.HasPrefix(line, ":") {
		return line
	}
	_, rest, _ := strings.Cut(line, " ")
	return strings.TrimLeft(rest, " ")
}

// isCommand reports whether s is a command by its form: letters, or three
// digits (RFC 2812, 2.3.1).
func isCommand(s string) bool {
	letters, digits := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
			letters++
		case '0' <= c && c <= '9':
			digits++
		}
	}
	if digits == 3 && len(s) == 3 {
		return true
	}
	return letters == len(s) && 0 < letters && letters <= maxCommand
}

// LooksLikeHTTP reports whether a connection's first line is an HTTP request: a
// web page can make a browser send one to any port, with lines in its body that
// would be commands here.
func LooksLikeHTTP(line string) bool {
	method, target, ok := strings.Cut(line, " ")
	if !ok {
		return false
	}
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PRI":
		return true
	}
	// Any other method, or CONNECT and TRACE, which are commands of RFC 2812 as well.
	_, version, ok := strings.Cut(target, " ")
	return ok && strings.HasPrefix(version, "HTTP/")
}

// looksLikeTLS reports whether a connection begins with the header of a TLS
// handshake record (RFC 8446, 5.1): three bytes decide.
func looksLikeTLS(b []byte) bool {
	return len(b) >= 3 && b[0] == 0x16 && b[1] == 0x03 && b[2] <= 0x04
}

// ParseTime reads a time as the tag time has it (IRCv3 server-time). Other
// fractions of a second than milliseconds are taken too, and so is an offset from
// UTC; what is finer than a millisecond is dropped. Nothing is older than 1970, so
// what is earlier counts as that: the zero time would mean something else.
func ParseTime(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return time.Time{}, false
	}
	t = t.UTC().Truncate(time.Millisecond)
	if epoch := time.Unix(0, 0).UTC(); t.Before(epoch) {
		t = epoch
	}
	return t, true
}

// ToUTF8 returns a line as valid UTF-8. What is not is read as Windows-1252,
// which old clients on old terminals send; refusing it would lose the text.
func ToUTF8(s string) (text string, converted bool) {
	if utf8.ValidString(s) {
		return s, false
	}
	// The decoder fails for no input: bytes without a meaning become U+FFFD.
	text, _ = charmap.Windows1252.NewDecoder().String(s)
	return text, true
}

// CommandOf returns the command of a line as it was sent; empty if it has none.
func CommandOf(text string) string {
	_, rest := SplitTags(text)
	command, _, _ := strings.Cut(SkipSource(rest), " ")
	return command
}
