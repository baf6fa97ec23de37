package transport

import (
	"encoding/binary"

	"directus-ircd/ircd/wire"
)

// frameMeter slows down what a WebSocket carries beside lines: control frames, the
// further fragments of a message, and bytes that come one by one. The WebSocket
// library handles all of these by itself and hands on nothing. A message begins with
// a frame of its own and is paced as the line that it is. It is owned by the reader.
type frameMeter struct {
	// wait waits as for n lines.
	wait    func(n int)
	frame   frameHead
	owed    int // lines
	unspent int // see pacedReader
}

// pay waits for what was read. It is called before the next read, when the lines of
// the last one are handed on.
func (m *frameMeter) pay() {
	if m.owed > 0 {
		m.wait(m.owed)
		m.owed = 0
	}
}

// count takes what was read. That is a piece of the stream, which may begin and end
// anywhere in a frame.
func (m *frameMeter) count(read []byte) {
	if m.unspent += max(len(read), ReadCost); m.unspent > wire.MaxInputTags+wire.MaxInputBody {
		m.unspent = 0
		m.owed++
	}
	for len(read) > 0 {
		if read = m.frame.skip(read); m.frame.complete() && m.frame.isExtra() {
			m.owed++
		}
	}
}

// frameHead is the head of a frame on its way in (RFC 6455, 5.2), and what is to come
// of its payload.
type frameHead struct {
	head    [14]byte // as far as it was read
	n       int      // bytes in head
	payload uint64   // bytes to come, once the head is whole
	fresh   bool     // the head became whole with the last byte taken
}

// skip takes the rest of a payload, or one byte of a head, and returns what is behind
// that.
func (f *frameHead) skip(p []byte) []byte {
	f.fresh = false
	if f.payload > 0 {
		n := min(f.payload, uint64(len(p)))
		f.payload -= n
		return p[n:]
	}
	f.head[f.n] = p[0]
	if f.n++; f.n == f.size() {
		f.n, f.fresh, f.payload = 0, true, f.length()
	}
	return p[1:]
}

// complete reports whether the head of a frame has just become whole.
func (f *frameHead) complete() bool { return f.fresh }

// isExtra reports whether the frame begins no message: it is a control frame or a
// continuation.
func (f *frameHead) isExtra() bool {
	const continuation, control = 0x0, 0x8
	opcode := f.head[0] & 0xf
	return opcode == continuation || opcode&control != 0
}

// size is the length of the head as far as its first two bytes tell it.
func (f *frameHead) size() int {
	size := 2
	if f.n < size {
		return size
	}
	switch f.head[1] & 0x7f {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	if masked := f.head[1]&0x80 != 0; masked {
		size += 4
	}
	return size
}

func (f *frameHead) length() uint64 {
	switch n := f.head[1] & 0x7f; n {
	case 126:
		return uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		return binary.BigEndian.Uint64(f.head[2:])
	default:
		return uint64(n)
	}
}

// ReadCost is what one read counts for at least, in bytes: each costs a system call,
// however little it brings.
const ReadCost = 64
