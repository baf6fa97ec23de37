package directustest

import (
	"bytes"
	"net"
	"sync"
	"time"
)

// path is a connection through a Proxy.
type path struct {
	proxy *Proxy
	ends  [2]*net.TCPConn // near the client, near Directus
	done  chan struct{}   // closed by fail
	once  sync.Once

	late     chan struct{} // closed by sever
	lateness time.Duration // delay of what is then on its way up; set before late is closed
	part     sync.Once
}

func (h *path) fail() {
	h.once.Do(func() {
		close(h.done)
		reset(h.ends[:]...)
	})
}

// sever breaks the client's end. The end at Directus is closed after everything on its way there has arrived.
func (h *path) sever(lateness time.Duration) {
	h.part.Do(func() {
		h.lateness = lateness
		close(h.late)
		reset(h.ends[Up])
	})
}

func (h *path) severed() bool {
	select {
	case <-h.late:
		return true
	default:
		return false
	}
}

// parcel is the data of one read. After the answer to an upgrade it is a frame.
type parcel struct {
	data []byte
	at   time.Time
}

// inFlight limits the number of parcels under way in one direction. The sender is not read while there are as many.
const inFlight = 64

// carry serves one direction until its end.
func (h *path) carry(d Direction) {
	queue := make(chan parcel, inFlight)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		defer close(queue)
		h.load(d, queue)
	})
	if !h.unload(d, queue) {
		if d == Up || !h.severed() {
			h.fail()
		}
		for range queue { // the receiver is gone
		}
		return
	}
	_ = h.ends[1-d].CloseWrite()
}

// load reads parcels into the queue until the sender closes the connection.
func (h *path) load(d Direction, queue chan<- parcel) {
	buf := make([]byte, 32<<10)
	split := &splitter{}
	for {
		n, err := h.ends[d].Read(buf)
		parts := [][]byte{bytes.Clone(buf[:n])}
		if d == Down {
			parts = split.add(buf[:n])
		}
		for _, data := range parts {
			select {
			case queue <- parcel{data, time.Now()}:
			case <-h.done:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// swapPatience is how long Rotate holds an event while it waits for the second one.
const swapPatience = 30 * time.Millisecond

// unload writes the parcels of the queue, each at its time. false means that the connection is broken.
func (h *path) unload(d Direction, queue <-chan parcel) bool {
	var kept *parcel
	alone := time.NewTimer(swapPatience)
	defer alone.Stop()
	for {
		var next parcel
		var more bool
		select {
		case next, more = <-queue:
		case <-alone.C:
			if kept != nil && !h.write(d, *kept) {
				return false
			}
			kept = nil
			continue
		}
		c, _ := h.proxy.now(d)
		if more && kept == nil && c.rotated && bytes.Contains(next.data, []byte(`"event":"create"`)) {
			kept = &next
			alone.Reset(swapPatience)
			continue
		}
		if more && !h.write(d, next) || kept != nil && !h.write(d, *kept) {
			return false
		}
		if kept = nil; !more {
			return true
		}
	}
}

func (h *path) write(d Direction, p parcel) bool {
	for {
		c, changed := h.proxy.now(d)
		if d == Up && h.severed() {
			c.delay = h.lateness
		}
		left := time.Until(p.at.Add(c.delay))
		switch {
		case c.losing && (c.lost == nil || c.lost(p.data)):
			ring(h.proxy.losses)
			<-h.done // after a loss, the rest of this direction must not be sent
			return false
		case !c.stalled && left <= 0:
			_, err := h.ends[1-d].Write(p.data)
			return err == nil
		case c.stalled:
			left = time.Hour
		}
		late := d == Up && !c.stalled
		if late {
			h.proxy.count(1)
		}
		select {
		case <-time.After(left):
		case <-changed:
		case <-h.done:
		}
		if late {
			h.proxy.count(-1)
		}
		select {
		case <-h.done:
			return false
		default:
		}
	}
}

// splitter splits what a server sends into WebSocket frames, from the answer to the upgrade on.
type splitter struct {
	begun, upgraded bool
	rest            []byte
}

func (s *splitter) add(data []byte) (parts [][]byte) {
	s.rest = append(s.rest, data...)
	if !s.upgraded {
		head := bytes.Index(s.rest, []byte("\r\n\r\n"))
		s.upgraded = !s.begun && head >= 0 && bytes.HasPrefix(s.rest, []byte("HTTP/1.1 101"))
		s.begun = true
		cut := len(s.rest)
		if s.upgraded {
			cut = head + 4
		}
		parts = append(parts, bytes.Clone(s.rest[:cut]))
		s.rest = s.rest[cut:]
	}
	for s.upgraded {
		n := frameLength(s.rest)
		if n == 0 || n > len(s.rest) {
			break
		}
		parts = append(parts, bytes.Clone(s.rest[:n]))
		s.rest = s.rest[n:]
	}
	return parts
}

// frameLength is the length of the frame at the beginning of data, header included (RFC 6455, section 5.2; a server does
// not mask). It is 0 if data is too short to tell.
func frameLength(data []byte) int {
	size := 0 // bytes of the extended length
	if len(data) < 2 {
		return 0
	}
	length := int(data[1] & 0x7f)
	switch length {
	case 126:
		size = 2
	case 127:
		size = 8
	}
	if len(data) < 2+size {
		return 0
	}
	for i, b := range data[2 : 2+size] {
		if i == 0 {
			length = 0
		}
		length = length<<8 | int(b)
	}
	return 2 + size + length
}
