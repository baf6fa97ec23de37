package directustest

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"

	"directus-ircd/directus/localserver"
)

// copyTemplate copies the data folder of an unused Directus into dir, which is empty. To make such a folder takes longer
// than to start Directus, so it is made once for each installation. Test processes that want it at the same time wait for
// each other.
func copyTemplate(ctx context.Context, template, dir string, config localserver.Config) error {
	if err := makeTemplate(ctx, template, config); err != nil {
		return fmt.Errorf("make a database to copy: %w", err)
	}
	if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}

func makeTemplate(ctx context.Context, template string, config localserver.Config) error {
	if _, err := os.Stat(template); err == nil {
		return nil
	}
	l := flock.New(template + ".lock")
	if _, err := l.TryLockContext(ctx, 100*time.Millisecond); err != nil {
		return err
	}
	defer func() { _ = l.Unlock() }()
	if _, err := os.Stat(template); err == nil {
		return nil
	}
	partial := template + ".partial"
	if err := os.RemoveAll(partial); err != nil {
		return err
	}
	config.DataDir = partial
	if err := localserver.Bootstrap(ctx, config); err != nil {
		return err
	}
	return os.Rename(partial, template)
}
