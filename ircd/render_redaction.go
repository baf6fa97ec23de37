package ircd

import (
	"fmt"
	"time"

	"directus-ircd/ircd/wire"
)

// renderRedaction makes the line that takes a message back (draft/message-redaction), of
// a redaction with its source in By and its window in Target. The source is the mask of a
// user always, for Halloy drops it otherwise.
func renderRedaction(r *Redaction, f form) []wire.Line {
	l := wire.Line{Source: prefixOf(r.By), Command: "REDACT", Params: []string{r.Target, r.MsgID}}
	if r.Reason != "" {
		l.Params, l.Trailing = append(l.Params, wire.CleanText(r.Reason)), true
	}
	if f.caps.has(capServerTime) {
		l.Tags = append(l.Tags, wire.Tag{Key: "time", Value: r.Time.UTC().Format(wire.TimeFormat)})
	}
	if f.caps.has(capAccountTag) && r.By.ID != "" {
		l.Tags = append(l.Tags, wire.Tag{Key: "account", Value: r.By.ID})
	}
	return []wire.Line{l}
}

// deletionText says in words what renderRedaction says. People know a message by
// its time and its text; without a time there is nothing to say.
func deletionText(r *Redaction) string {
	if r.Said.IsZero() {
		return ""
	}
	when := ago(r.Time.Sub(r.Said))
	text := "A message by " + r.From.Nick + " from " + when + " was deleted"
	switch {
	case r.byAuthor():
		text = r.From.Nick + " deleted a message from " + when
	case r.By.ID != "":
		text = r.By.Nick + " deleted a message by " + r.From.Nick + " from " + when
	}
	if said := wire.Beginning(r.Text, maxQuote); said != "" && r.byAuthor() {
		text += `: "` + said + `"`
	}
	if r.Reason != "" {
		text += " (" + r.Reason + ")"
	}
	return text
}

// ago says how long something is past.
func ago(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 10*time.Second:
		return "a moment ago"
	case d < time.Minute:
		return plural(d/time.Second, "second")
	case d < time.Hour:
		return plural(d/time.Minute, "minute")
	case d < day:
		return plural(d/time.Hour, "hour")
	}
	return plural(d/day, "day")
}

func plural(n time.Duration, unit string) string {
	if n == 1 {
		return "1 " + unit + " ago"
	}
	return fmt.Sprintf("%d %ss ago", int64(n), unit)
}
