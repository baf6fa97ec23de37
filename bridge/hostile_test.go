package bridge_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"directus-ircd/bridge"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// hostileTexts are texts that somebody may have stored, and the lines that are
// shown of them.
var hostileTexts = map[string][]string{
	"a\r:b!u@h PRIVMSG #messages :forged\nc\r\nd": {"a", ":b!u@h PRIVMSG #messages :forged", "c", "d"},
	"nul\x00byte":                       {"nulbyte"},
	"esc\x1b[2J\x1b]0;title\x07 \x7f":   {"esc[2J]0;title"},
	"c1\u009b31m\u0090q":                {"c131mq"},
	"\u202eevil \u2067x\u202c\u2069 ok": {"evil x ok"},
	"mark\u200f\u061c zero\u200bwidth":  {"mark\u200f\u061c zero\u200bwidth"},
	"line\u2028paragraph\u2029next":     {"line", "paragraph", "next"},
	"\x01VERSION\x01":                   {"VERSION"},
	"\x01DCC SEND x 2130706433 1 1\x01": {"DCC SEND x 2130706433 1 1"},
	"/me \x01waves\x01":                 {"\x01ACTION waves\x01"},
	"/me \x01\x01":                      {"/me"},
	"BATCH -1":                          {"BATCH -1"},
	"@batch=1 PRIVMSG #messages :x":     {"@batch=1 PRIVMSG #messages :x"},
	":irc.test 001 x :welcome":          {":irc.test 001 x :welcome"},
	"ERROR :Closing link":               {"ERROR :Closing link"},
	"<script>alert(1)</script><b>x</b>": {"<script>alert(1)</script><b>x</b>"},
	"\x03,\x0399,99\x04zz\x0fend":       {",zzend"},
	"":                                  nil,
	" \t\n \u00a0 ":                     nil,
	"\u202e\u2066":                      nil,
	"\x00\x1b\x01":                      nil,
}

// unsafe finds what no line may hold: control characters but for formatting and
// CTCP, and what turns the direction of the rest.
var unsafe = regexp.MustCompile(`[\x00\x05-\x0e\x10\x12-\x15\x17-\x1c\x7f\x{80}-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}]`)

// longTexts are more each than an answer of several rows may hold, and shown as far as anybody reads them. Each takes seconds.
var longTexts = []string{strings.Repeat("word ", 120_000), strings.Repeat("x", 600_000), strings.Repeat("é\n", 200_000), strings.Repeat("\u202e", 200_000) + "."}

// audience is one client of each class.
type audience map[string]*ircdtest.Client

var audienceCaps = map[string][]string{
	"plain": nil,
	"times": {"server-time"},
	"full": {"server-time", "message-tags", "batch", "account-tag", "extended-join", "draft/multiline", "echo-message",
		"labeled-response", "draft/message-redaction", "setname", "userhost-in-names"},
}

// upTo takes lines up to the one with a text, live or with its time in front, for
// each class, checks each, and returns the texts before it.
func (a audience) upTo(t *testing.T, last string) map[string][]string {
	t.Helper()
	got := map[string][]string{}
	for class, c := range a {
		for {
			l := c.Expect("*")
			checkWire(t, class, l)
			_, text, ok := strings.Cut(l, " PRIVMSG #messages :")
			if ok && (text == last || strings.HasSuffix(text, "] "+last)) {
				break
			}
			if ok {
				got[class] = append(got[class], text)
			}
		}
	}
	return got
}

func checkWire(t *testing.T, class, l string) {
	t.Helper()
	body := l
	if strings.HasPrefix(l, "@") {
		_, body, _ = strings.Cut(l, " ")
		if class == "plain" || len(l)-len(body) > 8191 {
			t.Errorf("%s: tags in %q", class, l)
		}
	}
	if len(body) > 510 || !utf8.ValidString(l) || unsafe.MatchString(l) {
		t.Errorf("%s: not a safe line: %q", class, l)
	}
}

func TestHostileTexts(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		ada := fake.AddUser(directustest.FakeUser{Email: "ada@example.com", Password: "ada", FirstName: "ada"})
		testHostileTexts(t, func() *ircdtest.Client { return listener.Dial(t) }, "ada@example.com", "ada", longTexts, func(item map[string]any) {
			fake.Insert("messages", ada, item)
		})
	})
}

// The same on a Directus of their own, whose users others would be confused with.
func TestHostileReal(t *testing.T) {
	dx := ownServer(t)
	t.Run("texts", func(t *testing.T) { hostileTextsReal(t, dx) }) // needs an empty channel
	t.Run("names", func(t *testing.T) { hostileNamesReal(t, dx) })
	t.Run("a deleted user", func(t *testing.T) { deletedUserReal(t, dx) })
}

func hostileTextsReal(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, nil)
	ada := dx.CreateUser("ada", "")
	long := longTexts[:1]
	if dx.Database() == directustest.MariaDB { // whose text holds 64 KiB
		long = nil
	}
	testHostileTexts(t, func() *ircdtest.Client { return ircdtest.Dial(t, s.address) }, ada.Email, ada.Password, long, func(item map[string]any) {
		if text, _ := item["text"].(string); dx.OnPostgres() { // no text of PostgreSQL holds a NUL
			item["text"] = strings.ReplaceAll(text, "\x00", "")
		}
		dx.AddItem(ada, item)
	})
}

func testHostileTexts(t *testing.T, dial func() *ircdtest.Client, email, password string, long []string, add func(map[string]any)) {
	to := audience{}
	join := func(class string) {
		c := dial()
		c.Name = class
		c.LoginSASL("x", email, password, audienceCaps[class]...)
		c.Send("JOIN #messages")
		c.Expect("* 366 *")
		to[class] = c
	}
	for class := range audienceCaps {
		join(class)
	}
	for i, text := range slices.Sorted(maps.Keys(hostileTexts)) {
		end := fmt.Sprintf("end %d", i)
		add(map[string]any{"text": text})
		add(map[string]any{"text": end})
		for class, got := range to.upTo(t, end) {
			if !slices.Equal(got, hostileTexts[text]) {
				t.Errorf("%s: %q is shown as %q", class, text, got)
			}
		}
	}
	for i, text := range long {
		end := fmt.Sprintf("end of long %d", i)
		add(map[string]any{"text": text})
		add(map[string]any{"text": end})
		for class, got := range to.upTo(t, end) {
			if size := len(strings.Join(got, "")); len(got) == 0 || len(got) > 2001 || size > 300<<10 {
				t.Errorf("%s: %.10q is shown in %d lines of %d bytes", class, text, len(got), size)
			}
			if last := got[len(got)-1]; !strings.HasPrefix(last, "[") || !strings.Contains(last, " not shown: ") {
				t.Errorf("%s: %.10q ends as %.80q", class, text, last)
			}
		}
	}
	// What is no text or date, and nobody's.
	for i, item := range []map[string]any{{"text": nil}, {"text": "nobody's", "user_created": nil}, {"text": "undated", "date_created": nil}} {
		end := fmt.Sprintf("end of odd %d", i)
		add(item)
		add(map[string]any{"text": end})
		to.upTo(t, end)
	}
	// All of it once more, as the past of somebody who comes, and then what is new.
	for class := range audienceCaps {
		to[class].Send("QUIT")
		to[class].Closed()
		join(class)
		one := audience{class: to[class]}
		if got := one.upTo(t, "end of odd 2")[class]; len(got) < 20 {
			t.Errorf("%s: the backlog is %q", class, got)
		}
		add(map[string]any{"text": "end of " + class})
		one.upTo(t, "end of "+class)
	}
}

// hostileNames are names of users. Whoever has one gets a nick that is nobody
// else's, and no line of anybody's breaks.
var hostileNames = []string{
	"*", "#x", ":x", "@x", "a!b@c", "-", "", " ", "\r\nQUIT :x", "\x1b[2J", "\u202eadA", "A\u200bda", "Ada", "ada", "АdА", "Ada_",
	"directus", "NickServ", "ChanServ", "irc.test", "service", "unknown", "unknown ", "user-", "0", "1999", "💥", "\u0430\u0301",
	strings.Repeat("long ", 10), "x,y", "JOIN", "a\tb", "Ada", "Ａｄａ",
}

func TestHostileNames(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil)
		n := 0
		testHostileNames(t, append(hostileNames, "nul\x00", strings.Repeat("10 kB of a name ", 640)), func(name string) *ircdtest.Client {
			email := fmt.Sprintf("u%d@example.com", n)
			n++
			fake.AddUser(directustest.FakeUser{Email: email, Password: "pw", FirstName: name, LastName: name})
			c := listener.Dial(t)
			c.Name = email
			c.Send("PASS "+email+":pw", "NICK x", "USER x 0 * :x")
			return c
		})
	})
}

func hostileNamesReal(t *testing.T, dx *directustest.Server) {
	channel := messages(dx.Collection)
	channel.Backlog = 0 // megabytes, for each of them
	s := start(t, dx, nil, channel)
	testHostileNames(t, hostileNames, func(name string) *ircdtest.Client {
		u := dx.CreateUser("x", "")
		dx.UpdateUser(u, map[string]any{"first_name": name, "last_name": name})
		c := ircdtest.Dial(t, s.address)
		c.Name = u.ID
		c.Send("PASS "+u.Email+":"+u.Password, "NICK x", "USER x 0 * :x")
		return c
	})
}

var plainNick = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func testHostileNames(t *testing.T, names []string, enter func(name string) *ircdtest.Client) {
	watcher := enter("Watcher")
	nick := watcher.Welcome()
	watcher.Send("CAP REQ :extended-join account-tag message-tags server-time", "JOIN #messages")
	watcher.Expect("* 366 *")
	seen := map[string]string{"unknown": "", "directus": "", "service": "", "server": "", "nickserv": "", "chanserv": "", wire.Fold(nick): "Watcher"}
	for _, name := range names {
		c := enter(name)
		nick := c.Welcome()
		if other, taken := seen[wire.Fold(nick)]; taken || !plainNick.MatchString(nick) || !wire.IsNick(nick) {
			t.Errorf("%.40q is called %q, which is %.40q", name, nick, other)
		}
		seen[wire.Fold(nick)] = name
		c.Send("JOIN #messages", "PRIVMSG #messages :from "+nick, "WHOIS "+nick, "WHO #messages", "NAMES #messages")
		for _, l := range c.Sync() {
			checkWire(t, "plain", l)
		}
		joined := watcher.Expect("* JOIN #messages *")
		checkWire(t, "full", joined)
		said := watcher.Expect("* PRIVMSG #messages :from *")
		checkWire(t, "full", said)
		if !strings.Contains(said, " :"+nick+"!") {
			t.Errorf("%.40q speaks as %q", name, said)
		}
	}
}

// TestHostileSurroundings: authors that are gone, dates that are none, topics,
// reactions and answers.
func TestHostileSurroundings(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		channel := messages("messages")
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, channel)
		ada, _ := enter(t, fake, listener, "ada")
		c := ada
		for i, date := range []any{nil, "", "not a date", "0000-00-00 00:00:00", "99999-01-01T00:00:00Z", 17, true, "2026-01-01\r\nQUIT"} {
			for _, author := range []string{"", "00000000-0000-4000-8000-000000000000", "no uuid\r\nQUIT"} {
				text := fmt.Sprintf("text %d by %.2s.", i, author)
				fake.Insert("messages", author, map[string]any{"text": text, "date_created": date})
				l := c.Expect("* PRIVMSG #messages :" + text)
				checkWire(t, "full", l)
				if nick, _, _ := strings.Cut(strings.TrimPrefix(l[strings.Index(l, ":"):], ":"), "!"); nick != "unknown" && !strings.HasPrefix(nick, "user-") {
					t.Errorf("%v by %q: %q", date, author, l)
				}
			}
		}
		time.Sleep(time.Hour)
		fake.Cut()
		time.Sleep(time.Hour)
		c.Send("PRIVMSG #messages :still here")
		c.Refute("* 404 *", "ERROR *")
	})
}

// deletedUserReal: a user is deleted whose messages stay.
func deletedUserReal(t *testing.T, dx *directustest.Server) {
	s := start(t, dx, nil)
	ada, bob := dx.CreateUser("Ada", ""), dx.CreateUser("Bob", "")
	id := dx.AddMessage(bob, "before")
	if err := dx.Admin().Do(t.Context(), http.MethodDelete, "/users/"+bob.ID, nil, nil, nil); err != nil {
		t.Logf("Directus keeps users with messages: %v", err)
		dx.Do(http.MethodPatch, "/items/"+dx.Collection+"/"+id, nil, map[string]any{"user_created": nil}, nil)
	}
	c, _ := s.connect(ada)
	c.Send("JOIN #messages")
	l := c.Expect("* PRIVMSG #messages :*before")
	if !strings.HasPrefix(l, ":unknown!") && !strings.HasPrefix(l, ":user-") {
		t.Errorf("got %q", l)
	}
}

// Who tries passwords, or comes back in a loop with the right one, is told why
// nothing goes on and for how long, in PASS and in SASL.
func TestLoginLimits(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, func(o *bridge.Options) {
			o.LoginAttemptsPerMinute = 3
		})
		for _, name := range []string{"ada", "bob"} {
			fake.AddUser(directustest.FakeUser{Email: name + "@example.com", Password: name, FirstName: name})
		}
		try := func(name, password string, want ...string) time.Duration {
			t.Helper()
			start := time.Now()
			c := listener.Dial(t)
			c.Send("PASS "+name+"@example.com:"+password, "NICK x", "USER x 0 * :x")
			c.Expect(want[0])
			if len(want) > 1 {
				c = listener.Dial(t)
				c.Send("CAP REQ :sasl", "AUTHENTICATE PLAIN", "AUTHENTICATE "+ircdtest.Plain(name+"@example.com", password))
				c.Expect(want[1])
			}
			return time.Since(start)
		}
		for i := range 3 {
			try("ada", fmt.Sprint("wrong", i), "* 464 * :Directus did not accept these credentials*")
		}
		try("ada", "wrong", ":irc.test NOTICE x :Too many failed logins to this account. Try again in 1m0s", ":irc.test 904 * :Too many failed logins to this account. Try again in 1m0s")
		try("ada", "wrong0", "* 464 * :Directus refused this very password a while ago and is not asked about it again for 5m0s. *")
		if n := fake.Count("POST /auth/login"); n != 3 {
			t.Errorf("Directus was asked %d times", n)
		}
		// Who comes back in a loop with the right password costs Directus nothing.
		for range 100 {
			if took := try("bob", "bob", "* 001 *"); took != 0 {
				t.Errorf("the login took %v", took)
			}
		}
		if n := fake.Count("POST /auth/login"); n != 4 {
			t.Errorf("Directus was asked %d times", n)
		}
	})
}

// Who asks for one name after the other, of people there are not, waits and then
// is told, and Directus is not kept busy.
func TestSearchesAreLimited(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		channel := messages("messages")
		channel.MentionIDs = true
		fake, listener, _ := fakeStack(t, directustest.FakeOptions{}, nil, channel)
		c, _ := enter(t, fake, listener, "ada")
		before := fake.Count("SEARCH /users")
		start := time.Now()
		for i := range 50 {
			c.Send(fmt.Sprintf("WHOIS nobody%d", i))
			c.Expect("* 318 *")
		}
		if took := time.Since(start); took > time.Second {
			t.Errorf("50 names took %v", took)
		}
		for i := range 10 {
			c.Send(fmt.Sprintf("PRIVMSG #messages :@a%d @b%[1]d @c%[1]d @d%[1]d @e%[1]d @f%[1]d @g%[1]d @h%[1]d", i))
		}
		c.Send("WHOIS nobody", "WHO nobody", "INVITE nobody #messages", "MODE nobody +i")
		for _, asked := range []string{"WHOIS", "WHO", "INVITE", "MODE"} {
			c.Expect(":irc.test 263 ada " + asked + " :You have asked for many names in a short time: wait a moment and try again")
		}
		if asked := fake.Count("SEARCH /users") - before; asked > 10 {
			t.Errorf("Directus was asked %d times", asked)
		}
		if n := len(fake.Items("messages")); n != 10 {
			t.Errorf("%d messages are stored", n)
		}
		time.Sleep(time.Second)
		c.Send("WHOIS nobody")
		c.Expect(":irc.test 401 ada nobody *")
	})
}
