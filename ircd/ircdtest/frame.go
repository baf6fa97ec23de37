package ircdtest

// Frame is a WebSocket frame as clients send it, masked with zeros.
func Frame(head byte, payload string) string {
	switch n := len(payload); {
	case n < 126:
		return string([]byte{head, 0x80 | byte(n), 0, 0, 0, 0}) + payload
	case n < 1<<16:
		return string([]byte{head, 0x80 | 126, byte(n >> 8), byte(n), 0, 0, 0, 0}) + payload
	default:
		return string([]byte{head, 0x80 | 127, 0, 0, 0, 0, 0, byte(n >> 16), byte(n >> 8), byte(n), 0, 0, 0, 0}) + payload
	}
}

// The first bytes of frames (RFC 6455, 5.2): what they are, and whether more fragments
// follow.
const (
	TextFrame    = 0x81
	TextFragment = 0x01
	MoreFragment = 0x00
	LastFragment = 0x80
	PingFrame    = 0x89
	PongFrame    = 0x8a
)
