package main

import (
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/rooms"
	"directus-ircd/bridge/text"
	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// What nobody has a reason to set.
const (
	// pageShare is which part of the limit of memory the reading of history may take:
	// one in that many.
	pageShare = 8
	// loginsAtOnce is how many logins Directus is asked for at a time: it checks some
	// 10 passwords a second, and fewer are asked for while it is slow.
	loginsAtOnce = 8
	// reconnectsPerMinute is how many connections of one address may end within 10 s
	// before the next ones wait.
	reconnectsPerMinute = 300
	// channelsPerClient is how many channels a client may be in, unless more have
	// auto_join.
	channelsPerClient = 100
	// roomsPerClient is how many rooms a client may be in that is not made to be in all.
	roomsPerClient = 1000
	// editMerge is how long a text must stay unchanged before it is shown, and editAge
	// how old a message may be whose changes are shown.
	editMerge = 5 * time.Second
	editAge   = 24 * time.Hour
)

func bridgeOptions(cfg *config.Config, client *directus.Client, log zerolog.Logger) bridge.Options {
	opts := bridge.Options{
		Client:                 client,
		NickFields:             cfg.Nick,
		AccountField:           cfg.Users.Account,
		LoginProvider:          cfg.Login.Provider,
		LoginTemplate:          cfg.Login.Template(),
		LoginAttemptsPerMinute: cfg.Limits.LoginAttempts,
		LoginsAtOnce:           loginsAtOnce,
		PageMemory:             cfg.Limits.MemoryLimit() / pageShare,
		Edits: collection.Edits{
			Show:   cfg.Edits.Show,
			Merge:  editMerge,
			MaxAge: editAge,
		},
		PublicURL: cfg.Directus.PublicURL,
		Zone:      cfg.Directus.Zone(),
		Recheck:   time.Duration(cfg.Directus.Recheck),
		OwnFeeds:  !cfg.Directus.ShareFeeds,
		Resume:    resumeOptions(cfg),
		Logger:    log,
	}
	for _, c := range cfg.Channels {
		opts.Channels = append(opts.Channels, bridgeChannel(c))
	}
	if r := cfg.Rooms; r.Collection != "" {
		opts.Rooms = &rooms.Config{
			Collection: r.Collection, Fields: rooms.Fields(r.Fields), Members: r.MembersCollection(), Room: r.Messages.Room,
			Messages: bridgeChannel(r.Messages.Channel()), Settings: rooms.Settings{Join: rooms.Join(r.Join), Create: r.Create, Limit: r.Limit},
		}
	}
	if p := cfg.Private; p.Collection != "" {
		f := config.PrivateFields
		opts.Private = &collection.Private{
			Collection: p.Collection,
			Backlog:    p.Backlog,
			Format:     text.Format(p.Format),
			Reactions:  bridgeReactions(p.Reactions),
			Fields:     collection.Fields{ID: f.ID, Text: f.Text, Author: f.Sender, Recipient: f.Recipient, Date: f.Date, Nonce: f.Nonce, Kind: p.Kind},
		}
	}
	if m := cfg.Markers; m.Collection != "" {
		f := config.MarkerFields
		opts.ReadMarkers = &collection.ReadMarkers{Collection: m.Collection, Target: f.Target, Date: f.Date, User: f.User}
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
		Fields:      collection.Fields{ID: f.ID, Text: f.Text, Author: f.Author, Date: f.Date, Nonce: f.Nonce, Reply: f.Reply, Files: f.Files, Kind: f.Kind},
		Format:      text.Format(c.Format),
		MentionIDs:  c.Mentions == "id",
		Corrections: c.Correct,
	}
	if t := c.TopicItem; t.Collection != "" {
		out.TopicItem = new(collection.TopicItem(t))
	}
	if s := c.SoftDelete; s.Field != "" {
		out.SoftDelete = new(collection.SoftDelete(s))
	}
	out.Reactions = bridgeReactions(c.Reactions)
	return out
}

func bridgeReactions(r config.Reactions) *collection.Reactions {
	if r.Collection == "" {
		return nil
	}
	f := config.ReactionFields
	return &collection.Reactions{Collection: r.Collection, Message: f.Message, Text: f.Text, Author: f.Author, Date: f.Date}
}

func ircdOptions(cfg *config.Config, log zerolog.Logger) ircd.Options {
	limits := ircd.Limits{
		Connections:           cfg.Limits.Connections,
		ConnectionsPerAddress: cfg.Limits.ConnectionsPerAddress,
		ReconnectsPerMinute:   reconnectsPerMinute,
		RegistrationTimeout:   time.Duration(cfg.Limits.RegistrationTimeout),
		PingTimeout:           time.Duration(cfg.Limits.PingTimeout),
		ChannelsPerClient:     max(channelsPerClient, autoJoined(cfg)),
		LinesPerSecond:        cfg.Limits.LinesPerSecond,
		Burst:                 cfg.Limits.Burst,
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

func autoJoined(cfg *config.Config) (n int) {
	for _, c := range cfg.Channels {
		if c.AutoJoin {
			n++
		}
	}
	switch r := cfg.Rooms; {
	case r.Collection == "":
	case r.Join == string(rooms.JoinAll):
		n += r.Limit
	default:
		n += min(r.Limit, roomsPerClient)
	}
	return n
}
