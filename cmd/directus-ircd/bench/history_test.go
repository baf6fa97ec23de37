package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"testing"
	"time"
)

// BenchmarkHistory is the time for a page of 100 messages: by the bare REST query, and by CHATHISTORY.
func BenchmarkHistory(b *testing.B) {
	c := newRealChat(b)
	for range b.N {
		report(b, history(b, c, 1000, 50))
	}
}

func history(tb testing.TB, c chat, stored, pages int) metrics {
	for n := range stored {
		c.post(text(n))
	}
	token := c.people(1)[0]
	query := c.address() + "/items/" + collection + "?" + url.Values{
		"fields": {"id,text,user_created,date_created"}, "sort": {"-date_created,-id"}, "limit": {"100"},
	}.Encode()
	direct := times(tb, pages, func() error { return getPage(query, token) })

	conn, _, err := ircReader(startDaemon(tb, c.address()).addr)(token)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 8<<10)
	asked := times(tb, pages, func() error { return askPage(conn, in) })
	return metrics{"rest-ms": milliseconds(direct), "irc-ms": milliseconds(asked), "irc/rest": float64(asked) / float64(direct)}
}

func times(tb testing.TB, n int, do func() error) time.Duration {
	var all []time.Duration
	for range n {
		start := time.Now()
		if err := do(); err != nil {
			tb.Fatal(err)
		}
		all = append(all, time.Since(start))
	}
	return median(all)
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

func askPage(conn net.Conn, in *bufio.Reader) error {
	if _, err := fmt.Fprintf(conn, "CHATHISTORY LATEST %s * 100\r\n", channel); err != nil {
		return err
	}
	for opened := false; ; {
		line, err := in.ReadSlice('\n')
		switch {
		case err != nil:
			return err
		case bytes.Contains(line, []byte(" BATCH +")):
			opened = true // what was stored a moment before the login may be news, and in no page
		case bytes.Contains(line, []byte(" BATCH -")) && opened:
			return nil
		case bytes.Contains(line, []byte("FAIL")):
			return fmt.Errorf("the daemon says %s", line)
		}
	}
}
