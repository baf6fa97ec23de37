package check

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

const (
	// trialText is the text of the message that check sends and deletes.
	trialText = "A test of \"directus-ircd check --write\", which deletes this line at once"
	// trialGrace limits the deletion, even in a check that was interrupted.
	trialGrace = 15 * time.Second
)

// write sends a message to each channel as the daemon would, reads it back and deletes it.
// Users see it for a moment.
func (p *prober) write(ctx context.Context, granted directus.Permissions) {
	if !p.writes {
		return
	}
	for _, c := range p.cfg.Channels {
		if !p.canRead[c.Collection] {
			continue // told already
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

func (p *prober) try(ctx context.Context, c config.Channel) {
	item := maps.Clone(c.Set)
	if item == nil {
		item = map[string]any{}
	}
	item[c.Fields.Text] = trialText
	if c.Fields.Nonce != "" {
		item[c.Fields.Nonce] = rand.Text()
	}
	if p.known(ctx, c.Collection, c.Fields.ID) != nil {
		return // the key cannot be read, so the message could not be deleted; reported already
	}
	asked := p.account.Now()
	var stored map[string]any
	err := p.account.CreateItem(ctx, c.Collection, item, []string{c.Fields.ID, c.Fields.Date}, &stored)
	took := p.account.Now().Sub(asked)
	const byHand = "if there is an item with the text \"" + trialText + "\", delete it by hand"
	key := keyOf(stored[c.Fields.ID])
	switch {
	case errors.Is(err, directus.ErrUnavailable):
		p.miss(byHand, "%s: it is not known whether a message can be sent: %v", c.Name, reasonOf(err))
		return
	case err != nil:
		p.miss("do what the message of Directus says; users get the same message", "%s: a message cannot be sent: %v", c.Name, reasonOf(err))
		return
	case key == "":
		p.miss("grant read on the messages of this user, and "+byHand, "%s: a message that was sent cannot be read back", c.Name)
		return
	}
	defer p.discard(ctx, c, key)
	var items []json.RawMessage
	query := directus.Query{Fields: []string{c.Fields.Text}, Filter: directus.And(directus.Filter(c.Filter), directus.Eq(c.Fields.ID, key)), Limit: 1}
	switch err := p.account.Items(ctx, c.Collection, query, &items); {
	case err != nil:
		p.miss("correct the filter: it must name fields that this user may read", "%s: a message that was sent cannot be read back: %v", c.Name, err)
	case len(items) == 0:
		p.miss("write the values that the filter asks for under set, or change the filter", "%s: a message that was sent is stored but shown to nobody, because it does not match the filter", c.Name)
	default:
		p.ok("%s: a message was sent and read back", c.Name)
	}
	p.measure(c, stored[c.Fields.Date], asked, took)
}

func (p *prober) discard(ctx context.Context, c config.Channel, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialGrace)
	defer cancel()
	if err := p.account.DeleteItem(ctx, c.Collection, key); err != nil {
		p.miss("delete it by hand", "%s: the message that was sent could not be deleted; it is item %s of %s: %v", c.Name, key, c.Collection, reasonOf(err))
	}
}

// measure compares the date of the message that try has sent with the clock of Directus.
func (p *prober) measure(c config.Channel, date any, asked time.Time, took time.Duration) {
	text, _ := date.(string)
	at, err := time.ParseInLocation(localDate, text, p.cfg.Directus.Zone())
	if err != nil {
		return // the date has a time zone, or is not a date
	}
	off := at.Sub(asked.Add(took / 2)).Round(15 * time.Minute)
	p.zoneOff = &off
	if off == 0 {
		p.ok("%s.%s is in the time zone %s", c.Collection, c.Fields.Date, p.cfg.Directus.Timezone)
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
