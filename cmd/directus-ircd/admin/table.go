package admin

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// maxRows is how many sessions and feeds a table shows. JSON has all.
const maxRows = 200

// Table writes a status for people to read.
func (s Status) Table(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	d := s.Directus
	fmt.Fprintf(out, "directus-ircd %s, process %d, %s for %s, %s\n", s.Version, s.PID, s.State, span(s.Uptime), s.Config)
	answers := "answers"
	if !d.Answers {
		answers = "does not answer (" + d.Error + ")"
	}
	fmt.Fprintf(out, "Directus %s at %s %s, for %s\n", cmp.Or(d.Version, "of an unknown version"), d.URL, answers, span(d.Lasts))
	c := s.Counts
	fmt.Fprintf(out, "%d connections, %d sessions of %d users, %d links up, %d feeds, %d bytes unread\n", c.Connections, c.Sessions, c.Users, c.Links, c.Feeds, c.Unread)
	fmt.Fprintf(out, "listening on %s\n", strings.Join(s.Listeners, ", "))

	fmt.Fprint(out, "\nLIMIT\tUSED\tMOST\tREACHED\n")
	for _, l := range s.Limits {
		most := "-"
		if l.Most > 0 {
			most = fmt.Sprint(l.Most)
		}
		fmt.Fprintf(out, "%s\t%d\t%s\t%d\n", l.Name, l.Used, most, l.Reached)
	}
	fmt.Fprint(out, "\nCONN\tNICK\tSINCE\tIDLE\tTLS\tDEVICE\tCLIENT\tLINK\tUNREAD\n")
	for _, v := range s.Sessions[:min(len(s.Sessions), maxRows)] {
		fmt.Fprintf(out, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\n", v.Conn, v.Nick, span(v.Age), span(v.Idle),
			word(v.TLS, "yes", "no"), cmp.Or(v.Device, "-"), v.client(), v.Link, v.Unread)
	}
	more(out, len(s.Sessions))
	fmt.Fprint(out, "\nFEED\tCHANNELS\tREADERS\tREAD AS\tLINK\tBEHIND\tWHY\n")
	for _, f := range s.Feeds[:min(len(s.Feeds), maxRows)] {
		fmt.Fprintf(out, "%s\t%s\t%d\t%s\t%s\t%d\t%s\n", f.Collection, cmp.Or(strings.Join(f.Channels, ","), "private"), f.Readers, f.Leader, word(f.Linked, "up", "down"), f.Behind, f.about())
	}
	more(out, len(s.Feeds))
	if len(s.Doubts) > 0 {
		fmt.Fprint(out, "\nNOT CONFIRMED\tAGO\tTOOK\tUSER\tOUTCOME\n")
	}
	for _, d := range s.Doubts {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", d.Collection, span(d.Ago), span(d.Took), d.User, d.Outcome)
	}
	return out.Flush()
}

// more says that not all rows are shown.
func more(w io.Writer, rows int) {
	if rows > maxRows {
		fmt.Fprintf(w, "and %d more: --json lists them\n", rows-maxRows)
	}
}

// client says what a client is like, as far as it tells: IRC clients do not name themselves.
func (s Session) client() string {
	text := fmt.Sprintf("%d capabilities", len(s.Capabilities))
	if s.WebSocket {
		text = "WebSocket, " + text
	}
	if s.Bot {
		text = "bot, " + text
	}
	return text
}

func (f Feed) about() string {
	text := "alone: " + f.Why
	if f.Shared {
		text = "shared: " + f.Why
	}
	if f.Trouble != "" {
		text += "; " + f.Trouble
	}
	return text
}

func word(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

// span writes a time span in the two largest units that it has.
func span(seconds float64) string {
	d := time.Duration(max(0, seconds) * float64(time.Second))
	switch day := 24 * time.Hour; {
	case d >= day:
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%ds", d/time.Minute, d%time.Minute/time.Second)
	}
	return fmt.Sprintf("%ds", d/time.Second)
}
