package collection

import "crypto/sha256"

// Digest tells texts apart without holding them. The zero one is that of no text.
type Digest [sha256.Size]byte

// DigestOf makes no copy of a text, which may be long.
func DigestOf(text string) (d Digest) {
	h := sha256.New()
	var chunk [1 << 10]byte
	for len(text) > 0 {
		n := copy(chunk[:], text)
		h.Write(chunk[:n])
		text = text[n:]
	}
	h.Sum(d[:0])
	return d
}
