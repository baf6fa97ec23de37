// Command install installs what the tests and the demo need besides Go: go run ./directus/localserver/needs/install
// names it and asks, and with --yes it does not ask. Exit status 1 means that something is still missing.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"directus-ircd/directus/localserver/needs"
)

func main() {
	yes := flag.Bool("yes", false, "install without asking")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := install(ctx, *yes)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func install(ctx context.Context, yes bool) error {
	missing := needs.ForTests()
	switch {
	case len(missing.Programs) == 0:
		return nil
	case yes:
		return missing.Install(ctx, os.Stdin, os.Stdout)
	}
	return missing.Ask(ctx, os.Stdin, os.Stdout)
}
