package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"directus-ircd/bridge"
	"directus-ircd/bridge/people"
	"directus-ircd/bridge/rooms"
	"directus-ircd/cmd/directus-ircd/check"
	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/directus"
)

type checkCmd struct {
	configFlag
	credentialFlags
	Offline bool `help:"Only read the file, and ask Directus nothing."`
	Write   bool `help:"Also send a message to each channel, read it back and delete it; users see it for a moment. This shows what check can otherwise only guess, such as whether long texts and emoji are kept, and whether all processes of Directus send all events."`
}

func (checkCmd) Help() string {
	return `With the login of a user who will chat, check also tests what that user may do. Without --write it changes nothing in Directus. The exit status is 0 if nothing is missing, 1 if something is missing, and 78 if the configuration has mistakes.`
}

// names are the names of users on IRC.
type names struct{}

func (names) Nicks(u directus.User, fields []string) (plain, numbered string) {
	return people.Nicks(u, fields)
}

func (names) IsAccountName(value string) bool { return people.IsAccountName(value) }

func (names) Room(name string) string { return rooms.Slug(name) }

func (names) Archived(value any) bool {
	raw, err := json.Marshal(value)
	return err == nil && rooms.IsArchived(raw)
}

// Run validates the file and checks Directus, with a login as that user.
func (c *checkCmd) Run(ctx context.Context, env *environment) error {
	if c.Offline && c.Write {
		return usageError{errors.New("--offline asks Directus nothing, and --write sends it a message: leave out one of them")}
	}
	cfg, err := config.Load(c.Config)
	if err != nil {
		return err
	}
	if c.Offline {
		_, err := fmt.Fprintf(env.Stdout, "%s has no mistakes. Directus was not asked.\n", c.Config)
		return err
	}
	opts := check.Options{Out: env.Stdout, Write: c.Write, Names: names{}}
	if c.given() {
		if err := c.complete(env); err != nil {
			return err
		}
		c.provider = cfg.Login.Provider
		if c.Email, opts.Device.Name, opts.Device.Bot, err = bridge.CutDevice(c.Email); err != nil {
			return usageError{fmt.Errorf("--email: %w", err)}
		}
		opts.Login = c.login
	}
	return check.Run(ctx, cfg, opts)
}
