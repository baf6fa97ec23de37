package check

import (
	"context"
	"time"

	"directus-ircd/directus"
)

// localDate is how Directus writes a dateTime: without a time zone.
const localDate = "2006-01-02T15:04:05"

// A localField is a field of the type dateTime.
type localField struct{ collection, name string }

// zones checks for each dateTime field that Directus runs in the configured time zone.
func (p *prober) zones(ctx context.Context) {
	for _, f := range p.local {
		p.zone(ctx, f)
	}
}

// zone uses what was measured. Without that, it reports a field whose newest date is in the
// future. A date that is too early cannot be recognised, because it looks like an old one.
func (p *prober) zone(ctx context.Context, f localField) {
	const fix = "set directus.timezone to the time zone that Directus runs in (its TZ), or make the field a timestamp"
	if p.zoneOff != nil {
		if *p.zoneOff != 0 {
			p.miss(fix, "%s.%s: Directus does not run in the time zone %s: the date that it wrote is %s off", f.collection, f.name, p.cfg.Directus.Timezone, *p.zoneOff)
		}
		return
	}
	var items []map[string]any
	newest := directus.Query{Fields: []string{f.name}, Filter: directus.Compare(f.name, "_nnull", true), Sort: []string{"-" + f.name}, Limit: 1}
	if err := p.account.Items(ctx, f.collection, newest, &items); err == nil && len(items) > 0 {
		text, _ := items[0][f.name].(string)
		at, err := time.ParseInLocation(localDate, text, p.cfg.Directus.Zone())
		ahead := at.Sub(p.account.Now())
		if err == nil && ahead > 5*time.Minute && ahead < 27*time.Hour {
			p.miss(fix, "%s.%s: the newest date is %s in the future, in the time zone %s", f.collection, f.name, ahead.Round(time.Minute), p.cfg.Directus.Timezone)
			return
		}
	}
	p.note("check that directus.timezone is the time zone that Directus runs in (its TZ); \"check --write\" measures it. Or make the field a timestamp, which needs no time zone",
		"%s.%s is a dateTime, which has no time zone: it is read as %s", f.collection, f.name, p.cfg.Directus.Timezone)
}
