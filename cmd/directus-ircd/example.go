package main

import (
	"directus-ircd/cmd/directus-ircd/config"
	"io"
)

type configCmd struct{}

// Run prints the example configuration.
func (configCmd) Run(env *environment) error {
	_, err := io.WriteString(env.Stdout, config.Example)
	return err
}
