package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// BenchmarkRooms compares rooms with as many channels of the configuration, which are told apart by the same field: the
// processor time of a line and the memory, with 300 users in 50 of 1000 each. It brings 100,000 messages in all.
func BenchmarkRooms(b *testing.B) {
	for range b.N {
		report(b, rooms(b, size{rooms: 1000, users: 300, each: 50}, 20, 2500, 40*time.Second))
	}
}

// BenchmarkManyRooms is what 10,000 rooms cost that nobody says anything in: until the first who logs in can join one, in
// memory, and when one of them is renamed.
func BenchmarkManyRooms(b *testing.B) {
	for range b.N {
		report(b, manyRooms(b, 10000, 200, 40*time.Second))
	}
}

// size says how many rooms there are, and how many of them each user is in.
type size struct{ rooms, users, each int }

func (s size) name(room int) string { return fmt.Sprintf("#room-%d", room) }

// of are the names of the rooms that a user is in: neighbours, so that all rooms have as many users.
func (s size) of(user int) []string {
	names := make([]string, s.each)
	for i := range names {
		names[i] = s.name((user*s.rooms/s.users + i) % s.rooms)
	}
	return names
}

const roomsConfig = `rooms: {collection: rooms, join: none, messages: {collection: ` + collection + `, room: room}}`

// channels is the configuration of as many channels.
func (s size) channels() string {
	var b strings.Builder
	b.WriteString("channels:")
	for i := range s.rooms {
		fmt.Fprintf(&b, "\n- {name: %q, collection: %s, auto_join: false, filter: {room: {_eq: %d}}, set: {room: %d}}", s.name(i), collection, i, i)
	}
	return b.String()
}

func newRoomChat(tb testing.TB, n int) *fastChat {
	c := newFastChat(tb)
	c.rooms = make([]string, n)
	for i := range c.rooms {
		c.rooms[i] = fmt.Sprintf("Room %d", i)
	}
	return c
}

// rooms has the two kinds take turns, so that what else the machine does falls on both.
func rooms(tb testing.TB, s size, rounds, messages int, calm time.Duration) metrics {
	m := metrics{}
	var sources []*roomSource
	for _, kind := range []struct{ name, config string }{{"rooms", roomsConfig}, {"static", s.channels()}} {
		c := newRoomChat(tb, s.rooms)
		d := build{path: program}.startWith(tb, c.address(), `{address: "127.0.0.1:0"}`, kind.config)
		start := time.Now()
		r := &roomSource{source: source{name: kind.name, process: d.process}, chat: c, size: s}
		r.readers = startReaders(tb, c.people(s.users), joinReader(d.addr, s))
		m[kind.name+"-join-s"] = time.Since(start).Seconds()
		m[kind.name+"-MiB"] = settled(d, calm) / (1 << 20)
		r.turn(tb, messages)
		r.used = 0 // it was to warm up
		sources = append(sources, r)
	}
	for range rounds {
		for _, r := range sources {
			r.turn(tb, messages)
		}
	}
	lines := float64(rounds*messages) * float64(s.users*s.each) / float64(s.rooms)
	for _, r := range sources {
		m[r.name+"-µs/line"] = r.used.Seconds() * 1e6 / lines
		m[r.name+"-lines/s"] = lines / r.took.Seconds()
	}
	m["rooms/static-cpu"] = float64(sources[0].used) / float64(sources[1].used)
	m["rooms/static-MiB"] = m["rooms-MiB"] / m["static-MiB"]
	return m
}

// roomSource is a daemon with many channels.
type roomSource struct {
	source
	chat *fastChat
	size size
	said int
	took time.Duration
}

// turn posts messages to one room after the other, as fast as they are taken.
func (r *roomSource) turn(tb testing.TB, messages int) {
	tb.Helper()
	t := newTally(r.size.users*r.size.each/r.size.rooms, messages)
	r.readers.tally.Store(t)
	used, start := r.cpu(), time.Now()
	for n := range messages + window {
		if n >= window {
			t.wait(tb, n-window)
		}
		if n < messages {
			r.chat.postTo(r.said*7%r.size.rooms, text(n))
			r.said++
		}
	}
	r.used, r.took = r.used+r.cpu()-used, r.took+time.Since(start)
}

// refusal is an ERROR, or the answer to a JOIN that fails.
var refusal = regexp.MustCompile(`^(ERROR|(@\S+ )?:\S+ (263|403|405|437) )`)

// joinReader is ircReader for a user who joins many channels; the token ends with the number of the user.
func joinReader(address string, s size) connect {
	return func(token string) (net.Conn, func(func([]byte)) error, error) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return nil, nil, err
		}
		user := 0
		fmt.Sscanf(token[strings.LastIndexByte(token, '-')+1:], "%d", &user)
		fmt.Fprintf(conn, "CAP REQ :server-time message-tags batch draft/chathistory\r\nPASS %s\r\nNICK reader\r\nUSER reader 0 * :Reader\r\nCAP END\r\n", token)
		in := bufio.NewReaderSize(conn, 8<<10)
		for names := range slices.Chunk(s.of(user), 10) { // one line after the other, as each has its time
			fmt.Fprintf(conn, "JOIN %s\r\n", strings.Join(names, ","))
			for joined := 0; joined < len(names); {
				line, err := in.ReadSlice('\n')
				switch {
				case err != nil:
					return conn, nil, err
				case refusal.Match(line):
					return conn, nil, fmt.Errorf("the daemon says %s", line)
				case bytes.Contains(line, []byte(" 366 ")):
					joined++
				}
			}
		}
		return conn, func(seen func([]byte)) error { return readIRC(conn, in, seen) }, nil
	}
}

// manyRooms compares a daemon with n rooms with one that has one room.
func manyRooms(tb testing.TB, n, renames int, calm time.Duration) metrics {
	m := metrics{}
	var memory [2]float64
	for i, rooms := range []int{1, n} {
		c := newRoomChat(tb, rooms)
		d := build{path: program}.startWith(tb, c.address(), `{address: "127.0.0.1:0"}`, roomsConfig)
		s := size{rooms: rooms, users: 1, each: 1}
		used, start := d.cpu(), time.Now()
		r := startReaders(tb, c.people(1), joinReader(d.addr, s))
		m["join-ms"], m["join-cpu-ms"] = milliseconds(time.Since(start)), milliseconds(d.cpu()-used)
		memory[i] = settled(d, calm)
		if rooms == n {
			t := r.watch(renames)
			used = d.cpu()
			for k := range renames {
				c.rename(0, text(k)) // the reader is told of each: the name is the mark
				t.wait(tb, k)
			}
			m["rename-cpu-µs"] = (d.cpu() - used).Seconds() * 1e6 / float64(renames)
		}
		r.close()
		d.stop()
	}
	m["B/room"] = (memory[1] - memory[0]) / float64(n-1)
	return m
}
