package wire

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	irc "gopkg.in/irc.v4"
)

// Limits of what a client may send on one line. RFC 1459 truncates lines at 512 bytes.
// That would lose text, so longer bodies are accepted whole.
const (
	MaxInputBody = 8192     // bytes after the tags, without the line end
	MaxInputTags = 4094 + 2 // tag section with its "@" and its space (IRCv3 message-tags)
	maxCommand   = 32       // letters; the longest command in use has 12
)

var (
	// ErrTooLong stands for a line over the limits (417). Its parameters were discarded.
	ErrTooLong = errors.New("line too long")
	// errTLS says that a TLS client has connected to a plain-text port.
	errTLS = errors.New("this port takes no TLS: connect without, or to the port for TLS")

	errNoCommand  = errors.New("line without a command")
	errBadCommand = errors.New("command is neither a word nor three digits")
	errLineBreak  = errors.New("line break or nul inside a line")
)

const utf8BOM = "\xef\xbb\xbf"

// Reader cuts a byte stream into lines. It buffers no more than one line within the
// limits, whatever is sent. One goroutine uses it.
type Reader struct {
	r       *bufio.Reader
	maxLine int
	maxTags int

	// The state of the line being read survives a read that times out in its middle.
	buf     []byte
	tagged  bool // the line began with "@"
	tags    int  // length of the tag section once it is complete, else 0
	tooLong bool // the rest of the line is being discarded
	started bool // the first bytes of the stream have been checked
}

// NewReader returns a reader of lines whose tag section is at most maxTags
// bytes, "@" and the space after it included, and whose rest is at most maxLine
// bytes without the line end.
func NewReader(r io.Reader, maxLine, maxTags int) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 512), maxLine: maxLine, maxTags: maxTags}
}

// ReadLine returns the next line that is not blank, without its end, which may
// be LF, CR LF or CR. NUL bytes and a byte order mark at the start of the stream
// are dropped.
//
// With ErrTooLong, the line was read to its end and only its tag section, if that was within
// the limit, and its command are returned; the next call continues with the following line. Any
// other error comes from the stream. A line that the end of the stream cuts off is not
// returned: half a message is worse than none.
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
			return errTLS
		}
	}
	return nil
}

// command is the length of the first word behind the tag section, if that is complete, and of
// what may be a command.
func (lr *Reader) command() int {
	if lr.tagged && lr.tags == 0 {
		return 0
	}
	rest := lr.buf[lr.tags:]
	return max(0, bytes.IndexByte(rest[:min(len(rest), maxCommand+1)], ' '))
}

// endLine returns the collected line and resets the state for the next one.
func (lr *Reader) endLine() (string, error) {
	tooLong := lr.tooLong
	if tooLong {
		lr.buf = lr.buf[:lr.tags+lr.command()]
	}
	line := string(lr.buf)
	lr.buf, lr.tagged, lr.tags, lr.tooLong = lr.buf[:0], false, 0, false
	if line != "" {
		lr.started = true
	}
	if cap(lr.buf) > 1024 {
		lr.buf = nil // one long line does not pin a large buffer
	}
	if tooLong {
		return line, ErrTooLong
	}
	return line, nil
}

// Parse parses a line from a client. The command is upper-cased. A source that the
// client claims is dropped, so Prefix is always empty. Extra spaces around and between
// parameters are ignored, except after the colon of the last one, where they are text.
//
// A line without a well-formed command (RFC 2812, 2.3.1) is an error. An unknown but
// well-formed command is not.
func Parse(line string) (*irc.Message, error) {
	if strings.ContainsAny(line, "\r\n\x00") {
		return nil, errLineBreak
	}
	tags, rest := cutTags(line)
	command, _, _ := strings.Cut(rest, " ")
	if command == "" {
		return nil, errNoCommand
	}
	if !isCommand(command) {
		return nil, errBadCommand
	}
	// ParseMessage indexes past the tags without checking that anything follows. Here
	// something does.
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

// Cut cuts a line into its tag section without the "@", its command as sent, and what
// follows that, without parsing any of them. The source is dropped: only servers may set
// one.
func Cut(line string) (tags, command, params string) {
	tags, rest := cutTags(line)
	command, params, _ = strings.Cut(rest, " ")
	return tags, command, params
}

// cutTags returns the tag section of a line, and what follows it and the source.
func cutTags(line string) (tags, rest string) {
	rest = strings.TrimLeft(line, " ")
	if strings.HasPrefix(rest, "@") {
		tags, rest, _ = strings.Cut(rest[1:], " ")
		rest = strings.TrimLeft(rest, " ")
	}
	if strings.HasPrefix(rest, ":") {
		_, rest, _ = strings.Cut(rest, " ")
		rest = strings.TrimLeft(rest, " ")
	}
	return tags, rest
}

// RawParams returns everything after the command as sent, without one leading colon.
// It is for passwords: several clients never write the colon, and a password with
// spaces would be parsed as several parameters.
func RawParams(line string) string {
	_, _, params := Cut(line)
	return strings.TrimPrefix(strings.TrimLeft(params, " "), ":")
}

// isCommand reports whether s has the form of a command: letters, or three digits
// (RFC 2812, 2.3.1).
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

// LooksLikeHTTP reports whether the first line of a connection is an HTTP request. A web
// page can make a browser send one to any port, with a body whose lines would be IRC
// commands.
func LooksLikeHTTP(line string) bool {
	method, target, ok := strings.Cut(line, " ")
	if !ok {
		return false
	}
	switch method {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PRI":
		return true
	}
	// Other methods need the version too: CONNECT and TRACE are also IRC commands.
	_, version, ok := strings.Cut(target, " ")
	return ok && strings.HasPrefix(version, "HTTP/")
}

// looksLikeTLS reports whether a connection begins with the header of a TLS handshake
// record (RFC 8446, 5.1). Three bytes are enough to tell.
func looksLikeTLS(b []byte) bool {
	return len(b) >= 3 && b[0] == 0x16 && b[1] == 0x03 && b[2] <= 0x04
}

// ParseTime parses a timestamp in the format of the time tag (IRCv3 server-time). It
// accepts other precisions and UTC offsets too, and truncates to milliseconds. Times
// before 1970 become 1970: no message is older, and the zero time means "none".
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

// ToUTF8 returns a line as valid UTF-8. Anything else is decoded as Windows-1252, which
// old clients on old terminals send: rejecting it would lose the text.
func ToUTF8(s string) (text string, converted bool) {
	if utf8.ValidString(s) {
		return s, false
	}
	// The decoder never fails: undefined bytes become U+FFFD.
	text, _ = charmap.Windows1252.NewDecoder().String(s)
	return text, true
}
