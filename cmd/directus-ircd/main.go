// Directus-ircd is an IRC server for a chat that is kept in a Directus
// collection. Run it with --help for its commands.
//
// Package main has the commands with their flags, the signals, and the daemon: serve
// puts the packages together, reload changes what they do. The folders beside it hold
// what is whole in itself: config reads the file, listen opens the sockets, check and
// demo are commands, systemd is told how the daemon is. They do not import main, and
// each other one way (boundary_test.go).
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"directus-ircd/cmd/directus-ircd/config"
)

// defaultConfigFile is read by the commands that were given no --config.
const defaultConfigFile = "/etc/directus-ircd/config.yaml"

// errShuttingDown is why an orderly stop ends the context of everything. IRC
// clients read its text behind ERROR.
var errShuttingDown = errors.New("server shutting down")

// cli is the command line, read by kong.
type cli struct {
	Serve   serveCmd   `cmd:"" help:"Serve IRC in the foreground and log to stderr. SIGHUP reloads, SIGTERM stops in order."`
	Check   checkCmd   `cmd:"" help:"Validate the configuration, probe Directus and say what is missing."`
	Setup   setupCmd   `cmd:"" help:"Create in Directus what the chat needs: collection, relation, role, policy, permissions."`
	Health  healthCmd  `cmd:"" help:"Ask the running daemon whether it is ready, for the health checks of containers."`
	Status  statusCmd  `cmd:"" help:"Show what the running daemon is doing: how Directus is, who is logged in, what is read, which limits were reached."`
	Drain   drainCmd   `cmd:"" help:"Have the running daemon let its clients go, one after the other, and end."`
	Demo    demoCmd    `cmd:"" help:"Run a Directus of its own with two users, and the daemon in front of it."`
	Config  configCmd  `cmd:"" help:"Print the commented example configuration."`
	Help    helpCmd    `cmd:"" help:"Show the manual page on a topic, or list the topics."`
	Version versionCmd `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print the script that completes the command line in a shell."`

	ShowVersion kong.VersionFlag `name:"version" help:"Print the version."`
}

// environment is what a command may touch of the process.
type environment struct {
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
	// Reload is readable after each SIGHUP.
	Reload <-chan os.Signal
}

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is the whole program: it turns signals into a context, which happens
// nowhere else, and returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signaled, release := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer release()
	// After the first of the two both are left to the system, so that a second one kills at once.
	stop := context.AfterFunc(signaled, func() {
		release()
		cancel(errShuttingDown)
	})
	defer stop()
	reload := make(chan os.Signal, 1) // of more than one at a time, one is enough
	signal.Notify(reload, syscall.SIGHUP)
	defer signal.Stop(reload)
	return execute(ctx, args, &environment{Stdin: os.Stdin, Stdout: stdout, Stderr: stderr, Reload: reload})
}

// Exit statuses beside 0, success. The systemd unit does not start the daemon again
// after exitConfig. It does after 2, which is also how a Go program ends by a panic,
// and by the SIGABRT of systemd's watchdog.
const (
	exitFailure = 1
	exitUsage   = 2  // a mistake in the command line
	exitConfig  = 78 // a mistake in the configuration: EX_CONFIG of sysexits.h
)

func execute(ctx context.Context, args []string, env *environment) int {
	exited := -1
	parser, err := kong.New(&cli{},
		kong.Name("directus-ircd"),
		kong.Description("An IRC server for a chat that is kept in a Directus collection."),
		kong.Writers(env.Stdout, env.Stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.Vars{"config_file": defaultConfigFile, "version": thisBuild().String()},
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(env),
	)
	if err != nil {
		fmt.Fprintf(env.Stderr, "directus-ircd: %v\n", err)
		return exitFailure
	}
	command, err := parser.Parse(args)
	switch {
	case exited >= 0: // --help has printed all there is to say
		return exited
	case err != nil:
		helped, about := "directus-ircd", "the commands and their flags"
		if wrong, ok := errors.AsType[*kong.ParseError](err); ok && wrong.Context.Selected() != nil {
			helped, about = helped+" "+wrong.Context.Selected().Name, "its flags"
		}
		fmt.Fprintf(env.Stderr, "directus-ircd: %v\nRun \"%s --help\" for %s.\n", err, helped, about)
		return exitUsage
	}
	if err := command.Run(); err != nil {
		fmt.Fprintf(env.Stderr, "directus-ircd: %v\n", err)
		return exitCode(err)
	}
	return 0
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func exitCode(err error) int {
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[config.Error](err); ok {
		return exitConfig
	}
	return exitFailure
}
