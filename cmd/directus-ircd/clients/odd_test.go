package clients

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// odd is what no client has to show: what is meant for programs, and what a client says of lines that it does not know.
var odd = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`:\S+ (PRIVMSG|NOTICE|JOIN|MODE|NICK|PING|PONG|CAP|BATCH|TAGMSG|REDACT|CHATHISTORY|MARKREAD|FAIL|WARN|NOTE) `, // raw IRC
	`:\S+ \d\d\d `, // a numeric
	`\bPING :?seen-`, `\bCAP (LS|ACK|NAK|DEL|NEW)\b`,
	`@?\b(time|msgid|account|batch|label)=\S`, // tags
	`unknown`, `odd server`, `no such`, `not enough parameters`, `invalid`, `illegal`, `malformed`, `uncaught`, `traceback`,
	`\berror\b`, `\bfailed\b`, `cannot`, `refused`, `flood`,
	`%!?[a-z|_](\W|$)`, `%!`, `\(null\)`, `<nil>`, `undefined`, // formats
	`[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]`, `\x{fffd}`, `(?-i:\^[A-Z_\[\]])`, // controls, as they are and as some show them
	`[0-9a-f]{8}-[0-9a-f]{4}-`, // ids of Directus
}, "|"))

// usual is what looks odd and is not.
var usual = regexp.MustCompile(strings.Join([]string{
	`are supported`,                         // numeric 005, which some show
	`server shutting down`,                  // the ERROR of a daemon that stops
	`notification plugin|session bus`,       // HexChat without a desktop
	`change with \^X`,                       // irssi's status line, where there are two servers
	`Waiting for CAP LS`,                    // irssi
	`Connection refused`,                    // said by clients that come again while the daemon is away
	`(?i)connection (closed|reset) by peer`, // said by those that read on behind the ERROR of a daemon that stops
	`(?i)resetting to empty|exact error: filenotfound|ignore database`, // Limnoria at its first start
}, "|"))

// findOdd looks for what is odd on a screen.
func findOdd(screen string) error {
	var found []string
	for line := range strings.Lines(screen) {
		if what := odd.FindString(line); what != "" && !usual.MatchString(line) {
			found = append(found, fmt.Sprintf("%q in %q", what, strings.TrimSpace(line)))
		}
	}
	if len(found) > 0 {
		return fmt.Errorf("odd: %s", strings.Join(found, "\n"))
	}
	return nil
}

func TestFindOdd(t *testing.T) {
	for _, line := range []string{
		":irc.example.com 421 kevin FOO :Unknown command", "12:00 -!- PING: Unknown command", "@time=2026-01-01T00:00:00Z hello",
		":Ada!ada@host PRIVMSG #messages :hello", "12:00 <Ada> \x02bold", "*** Odd server stuff", "irssi: %_hello%_", "ERROR: nothing", "12:00 <Ada> ^Bbold^B",
	} {
		if findOdd(line) == nil {
			t.Errorf("%q passes for usual", line)
		}
	}
	for _, line := range []string{"12:00 <Ada> hello there", "12:00 -!- Irssi [user@directus] has joined #messages", "12:00 <Ada> 100% sure", "*** ERROR: Closing link (server shutting down)",
		"chat =!= | irc: reading data on socket: error 2 (connection closed by peer)"} {
		if err := findOdd(line); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
}
