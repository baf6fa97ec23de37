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
// and by CHATHISTORY.
func BenchmarkHistory(b *testing.B) {
	c := newRealChat(b)
	const stored = 1500
	storeHistory(c, stored)
	for _, limit := range []int{50, 100, 500} {
		for name, back := range map[string]int{"latest": 0, "deep": stored / 2} {
			b.Run(fmt.Sprintf("%s=%d", name, limit), func(b *testing.B) {
				for range b.N {
					report(b, pages(b, c, limit, back, 60))
				}
			})
		}
	}
}

// history stores messages and then asks for pages.
func history(tb testing.TB, c chat, stored, back, limit, times int) metrics {
	storeHistory(c, stored)
	return pages(tb, c, limit, back, times)
}

func storeHistory(c chat, stored int) {
	for n := range stored {
		c.post(text(n))
	}
}

// pages asks for a page so many times in either way, in turn. It begins at a message that is so far back; 0: it is the latest.
func pages(tb testing.TB, c chat, limit, back, times int) metrics {
	token := c.people(1)[0]
	conn, _, err := ircReader(startDaemon(tb, c.address()).addr)(token)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 64<<10)
	query := url.Values{"fields": {"id,text,user_created,date_created"}, "sort": {"-date_created,-id"}, "limit": {fmt.Sprint(limit)}}
	command := fmt.Sprintf("CHATHISTORY LATEST %s * %d", channel, limit)
	for back > 0 { // to the message where the page begins
		step := min(back, 500)
		msgid, at, err := askPage(conn, in, command[:strings.LastIndexByte(command, ' ')+1]+fmt.Sprint(step))
		if err != nil {
			tb.Fatal(err)
		}
		back -= step
		query["filter[date_created][_lt]"] = []string{at}
		command = fmt.Sprintf("CHATHISTORY BEFORE %s msgid=%s %d", channel, msgid, limit)
	}
	bare := c.address() + "/items/" + collection + "?" + query.Encode()
	var rest, irc []time.Duration
	for range times {
		start := time.Now()
		if err := getPage(bare, token); err != nil {
			tb.Fatal(err)
		}
		rest = append(rest, time.Since(start))
		start = time.Now()
		if _, _, err := askPage(conn, in, command); err != nil {
			tb.Fatal(err)
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
