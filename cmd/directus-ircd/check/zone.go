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

// zones says whether Directus runs in the time zone that is configured, as far as
// something is written in it.
func (p *prober) zones(ctx context.Context) {
	for _, f := range p.local {
		p.zone(ctx, f)
	}
}

// zone goes by what was measured. Else it looks whether the newest date of a field is of
// the future: one that lies behind ours cannot be told from an old date by looking.
func (p *prober) zone(ctx context.Context, f localField) {
	const fix = "set directus.timezone to the time zone that Directus runs in (its TZ), or make the field a timestamp"
	if p.zoneOff != nil {
		if *p.zoneOff != 0 {
			p.miss(fix, "%s.%s: Directus does not run in the time zone %s: what it writes now is %s off", f.collection, f.name, p.cfg.Directus.Timezone, *p.zoneOff)
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
	p.note("see that directus.timezone is the time zone that Directus runs in (its TZ), which \"check --write\" measures, or make the field a timestamp, which needs none",
		"%s.%s is a dateTime, which does not say its time zone: it is taken for %s", f.collection, f.name, p.cfg.Directus.Timezone)
}
