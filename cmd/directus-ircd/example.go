package main

import "io"

type configCmd struct{}

// Run prints the example configuration.
func (configCmd) Run(env *environment) error {
	_, err := io.WriteString(env.Stdout, exampleConfig)
	return err
}
