package main

import (
	"context"
	"encoding/json"

	"directus-ircd/cmd/directus-ircd/admin"
	"directus-ircd/cmd/directus-ircd/config"
)

type statusCmd struct {
	configFlag
	JSON bool `help:"Print it as a JSON object."`
}

func (statusCmd) Help() string {
	return `It asks the daemon through its Unix socket (admin.socket), which only its own user and root may use unless admin.mode says otherwise. No texts of messages, e-mail addresses or addresses of clients are shown.`
}

// Run prints what the daemon tells of itself.
func (c *statusCmd) Run(ctx context.Context, env *environment) error {
	daemon, err := c.daemon()
	if err != nil {
		return err
	}
	status, err := daemon.Status(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(env.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(status)
	}
	return status.Table(env.Stdout)
}

// daemon is the one of the configuration.
func (c *configFlag) daemon() (admin.Client, error) {
	cfg, err := config.Glance(c.Config)
	if err != nil {
		return admin.Client{}, err
	}
	return admin.Client{Socket: socketOf(cfg)}, nil
}

// socketOf is where the daemon of a configuration answers: commands are not told the runtime directory of its unit.
func socketOf(cfg *config.Config) string {
	path, _ := cfg.AdminSocket()
	if path == "" {
		return config.DefaultAdminSocket
	}
	return path
}
