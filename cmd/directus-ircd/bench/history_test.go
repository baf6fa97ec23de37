package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// BenchmarkHistory is the time for a page, the latest one and one from the middle of the history: by the bare REST query,
// and by CHATHISTORY. It is also that of the backlog of 50 messages that follows a JOIN, where a colleague is in the
// channel and where nobody is, and of TARGETS.
func BenchmarkHistory(b *testing.B) {
	c := newRealChat(b)
	const stored = 1500
	storeHistory(c, stored)
	run := func(name string, measure func(testing.TB) metrics) {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				report(b, measure(b))
			}
		})
	}
	for _, limit := range []int{50, 100, 500} {
		for name, back := range map[string]int{"latest": 0, "deep": stored / 2} {
			run(fmt.Sprintf("%s=%d", name, limit), func(tb testing.TB) metrics { return pages(tb, c, limit, back, 60) })
		}
	}
	run("targets", func(tb testing.TB) metrics { return targets(tb, c, 60) })
	run("backlog", func(tb testing.TB) metrics { return backlogs(tb, c, 60, true) })
	run("backlog-alone", func(tb testing.TB) metrics { return backlogs(tb, c, 60, false) })
}

// history stores messages and then asks for all kinds of pages.
func history(tb testing.TB, c chat, stored, back, limit, times int) metrics {
	storeHistory(c, stored)
	targets(tb, c, times)
	backlogs(tb, c, times, true)
	return pages(tb, c, limit, back, times)
}

func storeHistory(c chat, stored int) {
	for n := range stored {
		c.post(text(n))
	}
}

// page is the bare query for some messages.
func page(limit int) url.Values {
	return url.Values{"fields": {"id,text,user_created,date_created"}, "sort": {"-date_created,-id"}, "limit": {fmt.Sprint(limit)}}
}

// pages asks for a page so many times in either way. It begins at a message that is so far back; 0: it is the latest.
func pages(tb testing.TB, c chat, limit, back, times int) metrics {
	a := newAsking(tb, c, ircReader)
	query := page(limit)
	command := fmt.Sprintf("CHATHISTORY LATEST %s * %d", channel, limit)
	for back > 0 { // to the message where the page begins
		step := min(back, 500)
		msgid, at, err := a.asked[0].page(command[:strings.LastIndexByte(command, ' ')+1] + fmt.Sprint(step))
		if err != nil {
			tb.Fatal(err)
		}
		back -= step
		query["filter[date_created][_lt]"] = []string{at}
		command = fmt.Sprintf("CHATHISTORY BEFORE %s msgid=%s %d", channel, msgid, limit)
	}
	return a.compare(query, times, func(*asked) {}, command)
}

// targets asks for the time of the latest message.
func targets(tb testing.TB, c chat, times int) metrics {
	query := page(1)
	return newAsking(tb, c, ircReader).compare(query, times, func(*asked) {}, "CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z 50")
}

// backlogs joins the channel again and again as a client that does not ask for history itself.
func backlogs(tb testing.TB, c chat, times int, colleague bool) metrics {
	a := newAsking(tb, c, func(address string) connect {
		return ircReaderWith("server-time message-tags batch", func() (net.Conn, error) { return net.Dial("tcp", address) })
	})
	for _, d := range a.asked {
		if colleague {
			startReaders(tb, c.people(2)[1:], ircReader(d.addr))
		}
	}
	return a.compare(page(50), times, func(d *asked) {
		fmt.Fprintf(d.conn, "PART %s\r\n", channel)
		for line := ""; !strings.Contains(line, " PART "); {
			var err error
			if line, err = d.in.ReadString('\n'); err != nil {
				tb.Fatal(err)
			}
		}
	}, "JOIN "+channel)
}

// asking asks Directus, and daemons as their client, for history.
type asking struct {
	tb      testing.TB
	address string // of Directus
	token   string
	asked   []*asked
}

// asked is a daemon that is asked for history.
type asked struct {
	name string
	*daemon
	conn net.Conn
	in   *bufio.Reader
	took []time.Duration
	used time.Duration // of the processor
}

func newAsking(tb testing.TB, c chat, reader func(address string) connect) *asking {
	a := &asking{tb: tb, address: c.address(), token: c.people(1)[0]}
	for _, of := range builds() {
		d := of.start(tb, c.address())
		conn, _, err := reader(d.addr)(a.token)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { conn.Close() })
		a.asked = append(a.asked, &asked{name: of.name, daemon: d, conn: conn, in: bufio.NewReaderSize(conn, 64<<10)})
	}
	return a
}

// page asks for a page and reads it. It returns the msgid and the time of its first message.
func (d *asked) page(command string) (msgid, at string, err error) {
	return askPage(d.conn, d.in, command)
}

// compare asks by a query and by a command, in turn. before is not part of the time.
func (a *asking) compare(query url.Values, times int, before func(*asked), command string) metrics {
	bare := a.address + "/items/" + collection + "?" + query.Encode()
	var rest []time.Duration
	for range times {
		start := time.Now()
		if err := getPage(bare, a.token); err != nil {
			a.tb.Fatal(err)
		}
		rest = append(rest, time.Since(start))
		for _, d := range a.asked {
			used := d.cpu()
			before(d)
			start = time.Now()
			if _, _, err := d.page(command); err != nil {
				a.tb.Fatal(err)
			}
			d.took, d.used = append(d.took, time.Since(start)), d.used+d.cpu()-used
		}
	}
	direct := median(rest)
	m := metrics{"rest-ms": milliseconds(direct)}
	for _, d := range a.asked {
		m[d.name+"-ms"], m[d.name+"/rest"] = milliseconds(median(d.took)), float64(median(d.took))/float64(direct)
		m[d.name+"-cpu-ms"] = milliseconds(d.used) / float64(times)
	}
	return m
}

func getPage(query, token string) error {
	request, err := http.NewRequest(http.MethodGet, query, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && !bytes.Contains(body, []byte(mark)) {
		err = fmt.Errorf("%s: %s", response.Status, body)
	}
	return err
}

// askPage asks for a page and reads it. It returns the msgid and the time of its first message.
func askPage(conn net.Conn, in *bufio.Reader, command string) (msgid, at string, err error) {
	if _, err := fmt.Fprintf(conn, "%s\r\n", command); err != nil {
		return "", "", err
	}
	for opened := false; ; {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return "", "", err
		case bytes.Contains(line, []byte(" BATCH +")):
			opened = true // what was stored a moment before the login may be news, and in no page
		case bytes.Contains(line, []byte(" BATCH -")) && opened:
			return msgid, at, nil
		case bytes.Contains(line, []byte("FAIL")):
			return "", "", fmt.Errorf("the daemon says %s", line)
		case opened && msgid == "":
			msgid, at = tag(line, "msgid"), tag(line, "time")
		}
	}
}

// tag returns the value of a tag of a line.
func tag(line []byte, name string) string {
	tags, _, _ := bytes.Cut(bytes.TrimPrefix(line, []byte("@")), []byte(" "))
	for t := range bytes.SplitSeq(tags, []byte(";")) {
		if value, ok := bytes.CutPrefix(t, []byte(name+"=")); ok {
			return string(value)
		}
	}
	return ""
}
