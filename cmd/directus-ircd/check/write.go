package check

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"
	"unicode/utf8"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

const (
	// trialText is the text of the message that check sends and deletes.
	trialText = "A test of \"directus-ircd check --write\", which deletes this line at once"
	// trialRest makes the text longer than a field of type string holds, with a character
	// outside of the basic plane of Unicode at its end.
	trialRest = ". It is this long to find out whether the database keeps long texts, which means that it goes on for some time, " +
		"beyond the two hundred and fifty-five characters that a short text field holds, and then ends with an emoji \U0001F642"
	// trialGrace limits the deletion, even in a check that was interrupted.
	trialGrace = 15 * time.Second
)

// write sends a message to each channel as the daemon would, reads it back and deletes it.
// Users see it for a moment.
func (p *prober) write(ctx context.Context, granted directus.Permissions) {
	if !p.writes {
		if len(p.open) > 0 {
			p.note("run check with --write, and with a login that may delete messages", "it was not tried whether events reach all realtime sessions, which needs Redis where several processes of Directus run, and whether long texts and emoji are kept")
		}
		return
	}
	for _, c := range p.cfg.Channels {
		if !p.canRead[c.Collection] || c.Name == roomsName {
			continue // told already; and a message needs a room
		}
		switch remove := granted[c.Collection]["delete"]; {
		case granted == nil:
			p.note("send a message there to find out", "%s: no message was sent: it is not known whether this user could delete it", c.Name)
		case !remove.Allowed():
			p.note("run check with a login that may delete messages, such as an administrator's", "%s: no message was sent: this user could not delete it", c.Name)
		default:
			p.try(ctx, c)
		}
	}
}

// try sends a message to one channel, and looks what becomes of it.
func (p *prober) try(ctx context.Context, c config.Channel) {
	if p.known(ctx, c.Collection, c.Fields.ID) != nil {
		return // the key cannot be read, so the message could not be deleted; reported already
	}
	watching := p.witnesses(ctx, c.Collection, c.Fields.ID)
	defer func() {
		for _, w := range watching {
			w.Close()
		}
	}()
	text := trialText + trialRest
	m, err := p.send(ctx, c, text)
	if refusal, ok := errors.AsType[*directus.Error](err); ok && refusal.Code != "" {
		if m, err = p.send(ctx, c, trialText); err == nil {
			p.refusedText(c, refusal)
			text = trialText
		}
	}
	const byHand = "if there is an item that begins with \"" + trialText + "\", delete it by hand"
	switch {
	case errors.Is(err, directus.ErrUnavailable):
		p.miss(byHand, "%s: it is not known whether a message can be sent: %v", c.Name, reasonOf(err))
		return
	case err != nil:
		p.miss("do what the message of Directus says; users get the same message", "%s: a message cannot be sent: %v", c.Name, reasonOf(err))
		return
	case m.key == "":
		p.miss("grant read on the messages of this user, and "+byHand, "%s: a message that was sent cannot be read back", c.Name)
		return
	}
	defer p.discard(ctx, c, m.key)
	p.readBack(ctx, c, m.key, text)
	p.testify(ctx, c.Name, c.Fields.ID, m.key, watching)
	p.measure(c, m)
}

// A trial is a message that check has sent.
type trial struct {
	key, date string        // as Directus returned them; empty if it did not
	asked     time.Time     // by the clock of Directus
	took      time.Duration // until the answer came
}

// send sends a message to a channel as the daemon would.
func (p *prober) send(ctx context.Context, c config.Channel, text string) (m trial, err error) {
	item := maps.Clone(c.Set)
	if item == nil {
		item = map[string]any{}
	}
	item[c.Fields.Text] = text
	if c.Fields.Nonce != "" {
		item[c.Fields.Nonce] = rand.Text()
	}
	m.asked = p.account.Now()
	var stored map[string]any
	err = p.account.CreateItem(ctx, c.Collection, item, []string{c.Fields.ID, c.Fields.Date}, &stored)
	m.took = p.account.Now().Sub(m.asked)
	m.key = keyOf(stored[c.Fields.ID])
	m.date, _ = stored[c.Fields.Date].(string)
	return m, err
}

// readBack reads the message as the daemon would.
func (p *prober) readBack(ctx context.Context, c config.Channel, key, text string) {
	var items []map[string]any
	query := directus.Query{Fields: []string{c.Fields.Text}, Filter: directus.And(directus.Filter(c.Filter), directus.Eq(c.Fields.ID, key)), Limit: 1}
	if err := p.account.Items(ctx, c.Collection, query, &items); err != nil {
		p.miss("correct the filter: it must name fields that this user may read", "%s: a message that was sent cannot be read back: %v", c.Name, err)
		return
	}
	if len(items) == 0 {
		p.miss("write the values that the filter asks for under set, or change the filter", "%s: a message that was sent is stored but shown to nobody, because it does not match the filter", c.Name)
		return
	}
	switch stored, _ := items[0][c.Fields.Text].(string); {
	case stored == text:
		p.ok("%s: a message was sent and read back", c.Name)
	case strings.HasPrefix(text, stored):
		p.miss("make "+c.Fields.Text+" a field of type text: "+p.setup(c, "--widen"), "%s: %s.%s cuts texts: of %d characters it keeps %d", c.Name, c.Collection, c.Fields.Text, utf8.RuneCountInString(text), utf8.RuneCountInString(stored))
	default:
		p.miss(wideCharacters, "%s: %s.%s does not keep texts as they are: emoji come back as something else", c.Name, c.Collection, c.Fields.Text)
	}
}

// wideCharacters is what to do about a column that does not take emoji.
const wideCharacters = "on MySQL and MariaDB give the table the character set utf8mb4 (ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4); else look for a Flow or hook that changes what is written"

// refusedText reports that a text with all that check tries was refused, and a plain one was not.
func (p *prober) refusedText(c config.Channel, refusal error) {
	if directus.IsCode(refusal, directus.CodeValueTooLong) {
		p.miss("make "+c.Fields.Text+" a field of type text: "+p.setup(c, "--widen"), "%s: %s.%s refuses a text of %d characters", c.Name, c.Collection, c.Fields.Text, utf8.RuneCountInString(trialText+trialRest))
		return
	}
	p.miss(wideCharacters, "%s: a long text with emoji cannot be sent, a plain one can: %v", c.Name, reasonOf(refusal))
}

func (p *prober) discard(ctx context.Context, c config.Channel, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialGrace)
	defer cancel()
	if err := p.account.DeleteItem(ctx, c.Collection, key); err != nil {
		p.miss("delete it by hand", "%s: the message that was sent could not be deleted; it is item %s of %s: %v", c.Name, key, c.Collection, reasonOf(err))
	}
}

// measure compares the date of the message with the clock of Directus.
func (p *prober) measure(c config.Channel, m trial) {
	field := c.Collection + "." + c.Fields.Date
	if at, err := time.Parse(time.RFC3339, m.date); err == nil {
		if off := at.Sub(m.asked.Add(m.took / 2)).Round(time.Second); off.Abs() > clockTolerance+m.took/2 {
			p.miss(setClocks, "%s: the date that Directus wrote is %s off the clock that its answers show", field, off.Abs())
		}
		return
	}
	at, err := time.ParseInLocation(localDate, m.date, p.cfg.Directus.Zone())
	if err != nil {
		return // not a date
	}
	off := at.Sub(m.asked.Add(m.took / 2)).Round(15 * time.Minute)
	p.zoneOff = &off
	if off == 0 {
		p.ok("%s is in the time zone %s", field, p.cfg.Directus.Timezone)
	}
}

// keyOf is the key of an item as text; empty if the item does not show it.
func keyOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// reasonOf is the text of an error with the message of Directus. The message may quote what was
// written, which here is only trialText.
func reasonOf(err error) string {
	refusal, ok := errors.AsType[*directus.Error](err)
	if !ok || refusal.Message == "" || strings.Contains(err.Error(), refusal.Message) {
		return err.Error()
	}
	return err.Error() + ": " + refusal.Message
}
