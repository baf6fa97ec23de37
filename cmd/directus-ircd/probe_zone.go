package main

import (
	"context"
	"time"

	"directus-ircd/directus"
)

// zone looks whether the newest date of a dateTime field is of the future: Directus
// then writes it in another time zone than is configured. One that lies behind ours
// cannot be told from an old date by looking.
func (p *prober) zone(ctx context.Context, collection, name string) {
	var items []map[string]any
	newest := directus.Query{Fields: []string{name}, Filter: directus.Compare(name, "_nnull", true), Sort: []string{"-" + name}, Limit: 1}
	if err := p.account.Items(ctx, collection, newest, &items); err == nil && len(items) > 0 {
		text, _ := items[0][name].(string)
		at, err := time.ParseInLocation("2006-01-02T15:04:05", text, p.cfg.Directus.zone())
		ahead := at.Sub(p.account.Now())
		if err == nil && ahead > 5*time.Minute && ahead < 27*time.Hour {
			p.miss("set directus.timezone to the time zone that Directus runs in (its TZ), or make the field a timestamp",
				"%s.%s: the newest date is %s in the future, in the time zone %s", collection, name, ahead.Round(time.Minute), p.cfg.Directus.Timezone)
			return
		}
	}
	p.note("see that directus.timezone is the time zone that Directus runs in (its TZ), or make the field a timestamp, which needs none",
		"%s.%s is a dateTime, which does not say its time zone: it is taken for %s", collection, name, p.cfg.Directus.Timezone)
}
