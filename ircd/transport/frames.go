package transport

import (
	"encoding/binary"

	"directus-ircd/ircd/wire"
)

// frameMeter paces what a WebSocket carries besides lines: control frames, continuation
// fragments and single bytes, which the WebSocket library consumes without returning
// from Read. The first frame of a message is not counted here, because the message is
// paced as a line. The reader owns it.
type frameMeter struct {
	// wait blocks for as long as n lines would.
	wait    func(n int)
	frame   frameHead
	owed    int // lines not waited for yet
	unspent int // bytes that do not make up a line yet, at least ReadCost for each read
}

// pay waits for what was read. It is called before the next read, so that lines that
// came along are not delayed.
func (m *frameMeter) pay() {
	if m.owed > 0 {
		m.wait(m.owed)
		m.owed = 0
	}
}

// count counts what was read: a piece of the stream that may begin and end anywhere in a
// frame.
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

// frameHead parses frame headers (RFC 6455, 5.2) and counts their payloads down.
type frameHead struct {
	head    [14]byte // the bytes read so far
	n       int      // bytes in head
	payload uint64   // bytes left, once the head is complete
	fresh   bool     // the last byte taken has completed the head
}

// skip consumes the rest of a payload, or one byte of a head, and returns what follows.
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

// complete reports whether skip has just completed the head of a frame.
func (f *frameHead) complete() bool { return f.fresh }

// isExtra reports whether the frame does not start a message: a control frame or a
// continuation.
func (f *frameHead) isExtra() bool {
	const continuation, control = 0x0, 0x8
	opcode := f.head[0] & 0xf
	return opcode == continuation || opcode&control != 0
}

// size is the length of the head. It is 2 until the bytes that tell are there.
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

// ReadCost is the least that one read counts for, in bytes: each costs a system call,
// however little it returns.
const ReadCost = 64
