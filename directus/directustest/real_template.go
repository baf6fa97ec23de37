package directustest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"directus-ircd/directus/directustest/backing"
	"directus-ircd/directus/localserver"
)

// To make the tables of Directus takes longer than to start it. So a template of a Directus that was never used is made
// once for each installation and each database, and copied. Test processes that want it at the same time wait for each
// other.

// copyTemplate copies the data folder of an unused Directus into dir, which is empty, with its SQLite database.
func copyTemplate(ctx context.Context, dir string, config localserver.Config) error {
	template := config.Install + ".template"
	err := makeTemplate(ctx, template, func(partial string) error {
		config.DataDir = partial
		return localserver.Bootstrap(ctx, config)
	})
	if err != nil {
		return fmt.Errorf("make a database to copy: %w", err)
	}
	return copyFolder(template, dir)
}

// The parts of the template for a database server.
const (
	templateDatabase = "database"
	templateDirectus = "directus"
)

// copyDatabase copies the data folder of an unused Directus into dir, which is empty, and starts a server with its
// database.
func copyDatabase(ctx context.Context, engine *backing.Engine, dir string, config localserver.Config) (*backing.Database, error) {
	template := config.Install + "." + engine.Name + ".template"
	err := makeTemplate(ctx, template, func(partial string) error {
		database, err := engine.New(ctx)
		if err != nil {
			return err
		}
		defer database.Remove()
		config.DataDir, config.Database = filepath.Join(partial, templateDirectus), database.Environ
		if err := localserver.Bootstrap(ctx, config); err != nil {
			return err
		}
		return database.Save(filepath.Join(partial, templateDatabase))
	})
	if err != nil {
		return nil, fmt.Errorf("make a database to copy: %w", err)
	}
	if err := copyFolder(filepath.Join(template, templateDirectus), dir); err != nil {
		return nil, err
	}
	return engine.Copy(ctx, filepath.Join(template, templateDatabase))
}

func copyFolder(from, to string) error {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return fmt.Errorf("copy the database: %w", err)
	}
	return nil
}

func makeTemplate(ctx context.Context, template string, fill func(partial string) error) error {
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
	if err := fill(partial); err != nil {
		return err
	}
	return os.Rename(partial, template)
}
