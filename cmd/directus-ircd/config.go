package main

import (
	"io"

	"directus-ircd/cmd/directus-ircd/config"
)

type configCmd struct{}

func (configCmd) Run(env *environment) error {
	_, err := io.WriteString(env.Stdout, config.Example)
	return err
}
