package main

import (
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// pageShare is which part of the limit of memory the reading of history may take: one in
// that many.
const pageShare = 8

// bridgeOptions is the part of the configuration that concerns Directus.
func bridgeOptions(cfg *config.Config, client *directus.Client, log zerolog.Logger) bridge.Options {
	opts := bridge.Options{
		Client:                 client,
		NickFields:             cfg.Nick,
		EmailTemplate:          cfg.Login.EmailTemplate,
		LoginAttemptsPerMinute: cfg.Limits.LoginAttempts,
		LoginsAtOnce:           cfg.Limits.LoginsAtOnce,
		PageMemory:             cfg.Limits.MemoryLimit("/") / pageShare,
		Edits: collection.Edits{
			Show:   cfg.Edits.Show,
			Merge:  time.Duration(cfg.Edits.Merge),
			MaxAge: time.Duration(cfg.Edits.MaxAge),
		},
		PublicURL: cfg.Directus.PublicURL,
		Zone:      cfg.Directus.Zone(),
		Recheck:   time.Duration(cfg.Directus.Recheck),
		OwnFeeds:  !cfg.Directus.ShareFeeds,
		Resume:    resumeOptions(cfg.Resume),
		Logger:    log,
	}
	for _, c := range cfg.Channels {
		opts.Channels = append(opts.Channels, bridgeChannel(c))
	}
	if p := cfg.Private; p.Collection != "" {
		f := p.Fields
		opts.Private = &collection.Private{
			Collection: p.Collection,
			Backlog:    p.Backlog,
			Format:     text.Format(p.Format),
			Fields:     collection.Fields{ID: f.ID, Text: f.Text, Author: f.Sender, Recipient: f.Recipient, Date: f.Date, Nonce: f.Nonce},
		}
	}
	if m := cfg.Markers; m.Collection != "" {
		opts.ReadMarkers = &collection.ReadMarkers{Collection: m.Collection, Target: m.Fields.Target, Date: m.Fields.Date, User: m.Fields.User}
	}
	return opts
}

// bridgeChannel is the channel as the bridge knows it: what is not configured is nil.
func bridgeChannel(c config.Channel) collection.Config {
	f := c.Fields
	out := collection.Config{
		Name:        c.Name,
		Collection:  c.Collection,
		Topic:       c.Topic,
		Backlog:     c.Backlog,
		AutoJoin:    c.AutoJoin,
		Filter:      c.Filter,
		Set:         c.Set,
		Fields:      collection.Fields{ID: f.ID, Text: f.Text, Author: f.Author, Date: f.Date, Nonce: f.Nonce, Reply: f.Reply, Files: f.Files},
		Format:      text.Format(c.Format),
		MentionIDs:  c.Mentions == config.MentionsAsID,
		Corrections: c.Correct,
	}
	if t := c.TopicItem; t.Collection != "" {
		out.TopicItem = &collection.TopicItem{Collection: t.Collection, ID: t.ID, Field: t.Field}
	}
	if s := c.SoftDelete; s.Field != "" {
		out.SoftDelete = &collection.SoftDelete{Field: s.Field, Values: s.Values}
	}
	if r := c.Reactions; r.Collection != "" {
		out.Reactions = &collection.Reactions{Collection: r.Collection, Message: r.Message, Text: r.Text, Author: r.Author, Date: r.Date}
	}
	return out
}

// ircdOptions is the part that concerns IRC.
func ircdOptions(cfg *config.Config, log zerolog.Logger) ircd.Options {
	limits := ircd.Limits{
		Connections:           cfg.Limits.Connections,
		ConnectionsPerAddress: cfg.Limits.ConnectionsPerAddress,
		ReconnectsPerMinute:   cfg.Limits.ReconnectsPerMinute,
		RegistrationTimeout:   time.Duration(cfg.Limits.RegistrationTimeout),
		PingTimeout:           time.Duration(cfg.Limits.PingTimeout),
		ChannelsPerClient:     cfg.Limits.ChannelsPerClient,
		LinesPerSecond:        cfg.Limits.LinesPerSecond,
		Burst:                 cfg.Limits.Burst,
		QueryCost:             cfg.Limits.QueryCost,
		SendQueue:             int64(cfg.Limits.SendQueue),
	}
	if limits.Burst == 0 { // an unlimited burst leaves the rate nothing to limit
		limits.LinesPerSecond = 0
	}
	return ircd.Options{
		Name:          cfg.Server.Name,
		Network:       cfg.Server.Network,
		Version:       "directus-ircd-" + version(),
		MOTD:          cfg.Server.MOTD,
		Admin:         cfg.Server.Admin,
		LineLength:    cfg.Server.LineLength,
		DeleteNotices: cfg.Edits.DeleteNotice,
		Started:       time.Now(),
		Limits:        limits,
		Logger:        log,
	}
}
