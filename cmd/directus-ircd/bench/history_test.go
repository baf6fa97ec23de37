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
// and by CHATHISTORY. It is also that of the backlog of 50 messages that follows a JOIN, and of TARGETS.
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
	run("backlog", func(tb testing.TB) metrics { return backlogs(tb, c, 60) })
}

// history stores messages and then asks for all kinds of pages.
func history(tb testing.TB, c chat, stored, back, limit, times int) metrics {
	storeHistory(c, stored)
	targets(tb, c, times)
	backlogs(tb, c, times)
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
		msgid, at, err := askPage(a.conn, a.in, command[:strings.LastIndexByte(command, ' ')+1]+fmt.Sprint(step))
		if err != nil {
			tb.Fatal(err)
		}
		back -= step
		query["filter[date_created][_lt]"] = []string{at}
		command = fmt.Sprintf("CHATHISTORY BEFORE %s msgid=%s %d", channel, msgid, limit)
	}
	return a.compare(query, times, func() {}, command)
}

// targets asks for the time of the latest message.
func targets(tb testing.TB, c chat, times int) metrics {
	query := page(1)
	return newAsking(tb, c, ircReader).compare(query, times, func() {}, "CHATHISTORY TARGETS timestamp=2020-01-01T00:00:00.000Z timestamp=2100-01-01T00:00:00.000Z 50")
}

// backlogs joins the channel again and again as a client that does not ask for history itself.
func backlogs(tb testing.TB, c chat, times int) metrics {
	a := newAsking(tb, c, func(address string) connect {
		return ircReaderWith("server-time message-tags batch", func() (net.Conn, error) { return net.Dial("tcp", address) })
	})
	return a.compare(page(50), times, func() {
		fmt.Fprintf(a.conn, "PART %s\r\n", channel)
		for line := ""; !strings.Contains(line, " PART "); {
			var err error
			if line, err = a.in.ReadString('\n'); err != nil {
				tb.Fatal(err)
			}
		}
	}, "JOIN "+channel)
}

// asking is a client of a daemon that asks for history.
type asking struct {
	tb      testing.TB
	address string // of Directus
	token   string
	conn    net.Conn
	in      *bufio.Reader
}

func newAsking(tb testing.TB, c chat, reader func(address string) connect) *asking {
	a := &asking{tb: tb, address: c.address(), token: c.people(1)[0]}
	var err error
	if a.conn, _, err = reader(startDaemon(tb, c.address()).addr)(a.token); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { a.conn.Close() })
	a.in = bufio.NewReaderSize(a.conn, 64<<10)
	return a
}

// compare asks by a query and by a command, in turn. before is not measured.
func (a *asking) compare(query url.Values, times int, before func(), command string) metrics {
	bare := a.address + "/items/" + collection + "?" + query.Encode()
	var rest, irc []time.Duration
	for range times {
		start := time.Now()
		if err := getPage(bare, a.token); err != nil {
			a.tb.Fatal(err)
		}
		rest = append(rest, time.Since(start))
		before()
		start = time.Now()
		if _, _, err := askPage(a.conn, a.in, command); err != nil {
			a.tb.Fatal(err)
		}
		irc = append(irc, time.Since(start))
	}
	direct, asked := median(rest), median(irc)
	return metrics{"rest-ms": milliseconds(direct), "irc-ms": milliseconds(asked), "irc/rest": float64(asked) / float64(direct)}
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
