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
	// trialText is what is written to try, and is deleted at once.
	trialText = "A test of \"directus-ircd check --write\", which deletes this line at once"
	// trialGrace is for the deletion, even of a check that was interrupted.
	trialGrace = 15 * time.Second
)

// write sends a message to each channel as the daemon would, reads it back and deletes
// it. People see it for a moment.
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
			p.note("send a line there to try", "%s: not written to: whether this user could delete it cannot be told", c.Name)
		case !remove.Allowed():
			p.note("give a login that may, as an administrator's", "%s: not written to: this user could not delete what was written", c.Name)
		default:
			p.try(ctx, c)
		}
	}
}

// try writes to one channel.
func (p *prober) try(ctx context.Context, c config.Channel) {
	item := maps.Clone(c.Set)
	if item == nil {
		item = map[string]any{}
	}
	item[c.Fields.Text] = trialText
	if c.Fields.Nonce != "" {
		item[c.Fields.Nonce] = rand.Text()
	}
	var items []json.RawMessage
	known := directus.Query{Fields: []string{c.Fields.ID}, Filter: directus.Compare(c.Fields.ID, "_nnull", true), Limit: 1}
	if p.account.Items(ctx, c.Collection, known, &items) != nil {
		return // nor could it be deleted: told already
	}
	asked := p.account.Now()
	var stored map[string]any
	err := p.account.CreateItem(ctx, c.Collection, item, []string{c.Fields.ID, c.Fields.Date}, &stored)
	took := p.account.Now().Sub(asked)
	const byHand = "if there is an item with the text \"" + trialText + "\", delete it by hand"
	key := keyOf(stored[c.Fields.ID])
	switch {
	case errors.Is(err, directus.ErrUnavailable):
		p.miss(byHand, "%s: whether a line can be sent is not known: %v", c.Name, reasonOf(err))
		return
	case err != nil:
		p.miss("see what Directus says: its reason is what people are told", "%s: a line cannot be sent: %v", c.Name, reasonOf(err))
		return
	case key == "":
		p.miss("grant read on what this user writes, and "+byHand, "%s: what is sent cannot be read back", c.Name)
		return
	}
	defer p.discard(ctx, c, key)
	query := directus.Query{Fields: []string{c.Fields.Text}, Filter: directus.And(directus.Filter(c.Filter), directus.Eq(c.Fields.ID, key)), Limit: 1}
	switch err := p.account.Items(ctx, c.Collection, query, &items); {
	case err != nil:
		p.miss("see that the filter names fields that this user may read", "%s: what is sent cannot be read back: %v", c.Name, err)
	case len(items) == 0:
		p.miss("write what the filter asks for by set, or change filter", "%s: what is sent is stored and shown to nobody: filter leaves it out", c.Name)
	default:
		p.ok("%s: a line was sent and read back", c.Name)
	}
	p.measure(c, stored[c.Fields.Date], asked, took)
}

// discard deletes what was written to try.
func (p *prober) discard(ctx context.Context, c config.Channel, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialGrace)
	defer cancel()
	if err := p.account.DeleteItem(ctx, c.Collection, key); err != nil {
		p.miss("delete it by hand", "%s: the line that was sent is still there, as item %s of %s: %v", c.Name, key, c.Collection, reasonOf(err))
	}
}

// measure compares the date of what was just written with the clock of Directus.
func (p *prober) measure(c config.Channel, date any, asked time.Time, took time.Duration) {
	text, _ := date.(string)
	at, err := time.ParseInLocation(localDate, text, p.cfg.Directus.Zone())
	if err != nil {
		return // it says its zone, or is none
	}
	off := at.Sub(asked.Add(took / 2)).Round(15 * time.Minute)
	p.zoneOff = &off
	if off == 0 {
		p.ok("%s.%s is in the time zone %s", c.Collection, c.Fields.Date, p.cfg.Directus.Timezone)
	}
}

// keyOf is the key of an item as text; empty if it is not there.
func keyOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

// reasonOf is an error with the words of Directus, which may quote what was written: here
// that is nobody's.
func reasonOf(err error) string {
	refusal, ok := errors.AsType[*directus.Error](err)
	if !ok || refusal.Message == "" || strings.Contains(err.Error(), refusal.Message) {
		return err.Error()
	}
	return err.Error() + ": " + refusal.Message
}
