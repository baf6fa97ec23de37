package ircd

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"

	"github.com/rs/zerolog"
	irc "gopkg.in/irc.v4"
)

// FuzzConn sends any bytes before and after the login. The server must not
// panic (that would be in its log, and in the ERROR line), must send nothing but
// whole lines within the limits, and must be done when the client is.
func FuzzConn(f *testing.F) {
	for _, s := range []string{
		"", "@a ", "@ \r\n: \r\n", ":x", "\x00\xff\xfe\n", "CAP REQ :sasl\nAUTHENTICATE PLAIN\nAUTHENTICATE AGEAYg==\n",
		"JOIN #messages\nPRIVMSG #messages :\x01ACTION \x01\nMODE #messages +bbb-e\nWHO #messages %tcuihsnfdlaor,1\n",
		"JOIN 0\nPART ,,\nWHOIS ,\nLIST >,<,!\nNAMES ,\nUSERHOST\nISON :\nTOPIC # :\nMODE\nAWAY :\x01\nTAGMSG\n",
		"NICK \nNICK :\nUSER : : : :\nPASS\nPASS :\nOTP :\nQUIT :\n", "CAP\nCAP LS x\nCAP REQ\nCAP REQ :-cap-notify =\n",
		"CAP REQ :" + strings.Repeat("server-time message-tags batch ", 40) + "\nCAP REQ :" + strings.Repeat("x ", 4000) + "\nCAP LIST\n",
		"JOIN " + strings.Repeat("#dev,#messages,", 200) + "\nMODE #dev,#messages bbb\nISON a b c\nUSERHOST a a a\nWHO *,*?\nJOIN 0\nPART 0\n",
		"CAP REQ :batch draft/multiline echo-message labeled-response message-tags server-time\n@label=a;+reply=x BATCH +1 draft/multiline #messages\n" +
			"@batch=1 PRIVMSG #messages :\x01ACTION a\n@batch=1;draft/multiline-concat PRIVMSG #messages :b\n@batch=1 PRIVMSG #messages :\nBATCH -1\nBATCH +\nBATCH -\n@batch PING :x\n",
		"CAP REQ :draft/message-redaction message-tags standard-replies\nREDACT #messages a :b\nREDACT bob :\n@+draft/react=x;+reply=y TAGMSG #messages,bob\n@+draft/unreact= TAGMSG :\n",
		"CAP REQ :batch draft/chathistory draft/event-playback draft/read-marker labeled-response message-tags\n@label=x CHATHISTORY LATEST #messages * 5\n@label=y CHATHISTORY TARGETS timestamp=0001-01-01T00:00:00Z timestamp=9999-01-01T00:00:00Z 9\n" +
			"CHATHISTORY BETWEEN bob msgid=b1 msgid=: 9\nCHATHISTORY AROUND : : :\nMARKREAD #messages timestamp=\nMARKREAD :\nMARKREAD bob\nPRIVMSG alice,bob :x\n",
		"CAP REQ :message-tags extended-monitor setname invite-notify\nMONITOR + bob,*,,alice,BOB\nMONITOR - *,bob\nMONITOR S\nMONITOR\nMONITOR L :\nMONITOR C\nSETNAME :x\nMODE alice +B-B+Bi\n@+typing=active TAGMSG #messages,bob,alice,#\n" +
			"TOPIC #messages :\x02a\x01\nTOPIC #messages :\nWHOWAS bob,alice -1 *\nWHO a*? nuhsra%tf,12345\nWHO * :%,\nHELP :/\nHELP join\nINVITE alice #messages\nADMIN alice\n",
		"CAP REQ :batch labeled-response echo-message draft/extended-isupport draft/pre-away standard-replies no-implicit-names\n@label=a AWAY *\n@label=b ISUPPORT\n@label=c BATCH +x\n" +
			"@label=d JOIN #dev,#messages,#x\n@label=e PRIVMSG #dev,#messages,#x :a\n@label=f VERSION\n@label=g CAP LS 302\n@label=h CAP REQ -batch\n@label=\\: WHOIS alice\n@label=i QUIT\n",
		"PRIVMSG #messages,#messages,bob,bob,#x :hi\nNOTICE #messages :x\nKICK #messages bob\nINVITE bob #messages\n",
	} {
		f.Add([]byte(s), []byte(s))
	}
	for _, lines := range ircdtest.ClientLines(f, "testdata/*.txt") {
		all := []byte(strings.Join(lines, "\r\n"))
		f.Add(all, []byte(nil))
		f.Add([]byte("CAP REQ :"+strings.Join(words302, " ")), all)
	}
	f.Fuzz(func(t *testing.T, before, after []byte) {
		opts := Options{Name: "irc.test", Logger: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.ErrorLevel)}
		chat := transcriptChat()
		chat.features = Features{Private: true, Replies: true, Reactions: true}
		s := NewServer(chat, opts)
		ln := ircdtest.NewListener()
		ctx, cancel := context.WithTimeout(t.Context(), ircdtest.Timeout)
		defer cancel()
		served := make(chan error, 1)
		go func() { served <- s.Serve(ctx, ln, ListenOptions{}) }()

		here, there := net.Pipe()
		ln.Connect(there)
		written := make(chan struct{})
		go func() {
			defer close(written)
			defer here.Close()
			login := "\r\nPASS alice@example.com:pw-alice\r\nNICK alice\r\nUSER x\r\nCAP END\r\nJOIN #messages\r\n"
			for _, data := range []string{string(before), login, string(after), "\r\nQUIT :fuzz\r\n"} {
				if _, err := io.WriteString(here, data); err != nil {
					return // the server may close at any time
				}
			}
			<-ctx.Done()
		}()
		checkOutput(t, here)
		if ctx.Err() != nil {
			t.Error("the server did not close the connection")
		}
		cancel()
		<-written
		if err := <-served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
}

// words302 are capabilities that change what lines look like.
var words302 = []string{"message-tags", "server-time", "batch", "echo-message", "labeled-response", "draft/multiline", "account-tag", "draft/chathistory"}

// checkBatches follows the batches of the server: each is opened once at a time,
// closed once, and used only between.
func checkBatches(t *testing.T, open map[string]bool, l string) {
	tags, command, params := wire.Cut(l)
	if id, ok := irc.ParseTags(tags)["batch"]; ok && !open[id] {
		t.Fatalf("in a batch that is not open: %q", l)
	}
	if command != "BATCH" {
		return
	}
	ref, _, _ := strings.Cut(params, " ")
	switch id := ref[1:]; {
	case ref[0] == '+' && !open[id]:
		open[id] = true
	case ref[0] == '-' && open[id]:
		delete(open, id)
	default:
		t.Fatalf("opened twice, or closed while not open: %q", l)
	}
}

// checkOutput reads until the server closes the connection.
func checkOutput(t *testing.T, nc net.Conn) {
	data, _ := io.ReadAll(nc)
	open := make(map[string]bool)
	for l := range bytes.Lines(data) {
		l, whole := bytes.CutSuffix(l, []byte("\r\n"))
		if !whole || bytes.ContainsAny(l, "\r\x00") {
			t.Fatalf("not one whole line: %q", l)
		}
		body := l
		if bytes.HasPrefix(l, []byte("@")) {
			_, body, _ = bytes.Cut(l, []byte(" "))
		}
		if len(body) > wire.MaxBody || len(l)-len(body) > 2*4094+4 {
			t.Fatalf("a line over the limit: %q", l)
		}
		checkBatches(t, open, string(l))
	}
	if len(open) > 0 {
		t.Fatalf("batches are left open: %v", open)
	}
	if bytes.HasSuffix(data, []byte("Closing link: internal error\r\n")) {
		t.Fatal("the connection panicked")
	}
	if len(data) == 0 {
		t.Fatal("closed without a word")
	}
}
