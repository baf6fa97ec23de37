package main

import (
	"io"

	"github.com/alecthomas/kong"

	"directus-ircd/cmd/directus-ircd/completion"
	"directus-ircd/deploy/man"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"The shell: bash, zsh or fish."`
}

func (completionCmd) Help() string {
	return `Packages bring these scripts along. Without a package: "source <(directus-ircd completion bash)" in ~/.bashrc, "directus-ircd completion fish | source" in config.fish, and for zsh "directus-ircd completion zsh > DIR/_directus-ircd" with one of the folders that $fpath names.`
}

// Run prints the script that completes the command line in a shell.
func (c *completionCmd) Run(app *kong.Kong, env *environment) error {
	var topics []string
	for _, p := range man.Pages() {
		topics = append(topics, p.Topic)
	}
	script, err := completion.Script(c.Shell, app.Model, completion.Words{"help": topics, "completion": completion.Shells})
	if err != nil {
		return usageError{err}
	}
	_, err = io.WriteString(env.Stdout, script)
	return err
}
