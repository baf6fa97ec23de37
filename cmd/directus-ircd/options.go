package main

import (
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// bridgeOptions is the part of the configuration that concerns Directus.
func bridgeOptions(cfg *config, client *directus.Client, log zerolog.Logger) bridge.Options {
	opts := bridge.Options{
		Client:                 client,
		NickFields:             cfg.Nick,
		EmailTemplate:          cfg.Login.EmailTemplate,
		LoginAttemptsPerMinute: cfg.Limits.LoginAttempts,
		Logger:                 log,
	}
	for _, c := range cfg.Channels {
		opts.Channels = append(opts.Channels, bridge.Channel{
			Name:       c.Name,
			Collection: c.Collection,
			Topic:      c.Topic,
			Backlog:    c.Backlog,
			AutoJoin:   c.AutoJoin,
			Filter:     c.Filter,
			Set:        c.Set,
			Fields:     bridge.Fields{Text: c.Fields.Text, Author: c.Fields.Author, Date: c.Fields.Date, Nonce: c.Fields.Nonce},
		})
	}
	return opts
}

// ircdOptions is the part that concerns IRC.
func ircdOptions(cfg *config, log zerolog.Logger) ircd.Options {
	limits := ircd.Limits{
		Connections:           cfg.Limits.Connections,
		ConnectionsPerAddress: cfg.Limits.ConnectionsPerAddress,
		RegistrationTimeout:   time.Duration(cfg.Limits.RegistrationTimeout),
		LinesPerSecond:        cfg.Limits.LinesPerSecond,
		Burst:                 cfg.Limits.Burst,
		SendQueue:             int64(cfg.Limits.SendQueue),
	}
	if limits.Burst == 0 { // an unlimited burst leaves the rate nothing to limit
		limits.LinesPerSecond = 0
	}
	return ircd.Options{
		Name:       cfg.Server.Name,
		Network:    cfg.Server.Network,
		Version:    "directus-ircd-" + version(),
		MOTD:       cfg.Server.MOTD,
		Admin:      cfg.Server.Admin,
		LineLength: cfg.Server.LineLength,
		Started:    time.Now(),
		Limits:     limits,
		Logger:     log,
	}
}
