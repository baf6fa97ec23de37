package directustest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"

	"directus-ircd/directus/directustest/backing"
	"directus-ircd/directus/localserver"
)

// The databases that EnvDatabase names.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
	MariaDB  = "mariadb"
	// Cluster is two processes of Directus on one PostgreSQL, joined by Redis, behind nginx, which gives them the requests
	// in turn.
	Cluster = "cluster"
)

// chosenDatabase is what EnvDatabase chooses for every real Directus of the tests.
func chosenDatabase() (string, error) {
	switch name := os.Getenv(EnvDatabase); name {
	case "":
		return SQLite, nil
	case SQLite, Postgres, MariaDB, Cluster:
		return name, nil
	default:
		return "", fmt.Errorf("%s=%s: use %s, %s, %s or %s", EnvDatabase, name, SQLite, Postgres, MariaDB, Cluster)
	}
}

// deployment is the processes of Directus of a Server, and what they stand on.
type deployment struct {
	database *backing.Database // nil with SQLite
	redis    *backing.Service  // nil outside of a cluster
	proxy    *backing.Nginx    // nil outside of a cluster
	nodes    []*node
}

// node is a process of Directus.
type node struct {
	config  localserver.Config
	running *localserver.Server // nil while it does not run
}

// deploy starts a kind of deployment, with an unused database, in dir, which is empty.
func deploy(ctx context.Context, kind, dir string, config localserver.Config) (*deployment, error) {
	d := &deployment{}
	if err := d.build(ctx, kind, dir, config); err != nil {
		return nil, fmt.Errorf("%w%s", err, d.remove())
	}
	return d, nil
}

func (d *deployment) build(ctx context.Context, kind, dir string, config localserver.Config) error {
	var err error
	switch kind {
	case SQLite:
		err = copyTemplate(ctx, dir, config)
	case Postgres, Cluster:
		err = d.openDatabase(ctx, backing.Postgres, dir, config)
	case MariaDB:
		err = d.openDatabase(ctx, backing.MariaDB, dir, config)
	}
	if err != nil {
		return err
	}
	config.DataDir = dir // the nodes share it: the files in it, and the secret
	if d.database != nil {
		config.Database = d.database.Environ
	}
	d.nodes = []*node{{config: config}}
	if kind == Cluster {
		if d.redis, err = backing.Redis(ctx); err != nil {
			return err
		}
		config.Env = maps.Clone(config.Env)
		for name, value := range map[string]string{
			"REDIS": fmt.Sprintf("redis://127.0.0.1:%d", d.redis.Port()), "SYNCHRONIZATION_STORE": "redis",
			"CACHE_STORE": "redis", "RATE_LIMITER_STORE": "redis", // where they are turned on
		} {
			if _, set := config.Env[name]; !set {
				config.Env[name] = value
			}
		}
		d.nodes = []*node{{config: config}, {config: config}}
	}
	if err := d.startNodes(ctx); err != nil || kind != Cluster {
		return err
	}
	var ports []int
	for _, n := range d.nodes {
		ports = append(ports, n.config.Port)
	}
	d.proxy, err = backing.NewNginx(ctx, ports)
	return err
}

func (d *deployment) openDatabase(ctx context.Context, find func(context.Context) (*backing.Engine, error), dir string, config localserver.Config) error {
	engine, err := find(ctx)
	if err != nil {
		return err
	}
	d.database, err = copyDatabase(ctx, engine, dir, config)
	return err
}

// startNodes starts the nodes that do not run, or have ended by themselves, at once, each on the port that it had before.
func (d *deployment) startNodes(ctx context.Context) error {
	errs := make([]error, len(d.nodes))
	var wg sync.WaitGroup
	for i, n := range d.nodes {
		wg.Go(func() { errs[i] = n.start(ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (n *node) start(ctx context.Context) error {
	if n.running != nil && n.running.Err() == nil {
		return nil
	}
	running, err := localserver.Start(ctx, n.config)
	if err != nil {
		return err
	}
	n.running, n.config.Port = running, running.Port()
	return nil
}

func (n *node) kill() {
	if n.running != nil {
		n.running.Kill()
		n.running = nil
	}
}

// url is where the deployment is reached.
func (d *deployment) url() string {
	if d.proxy != nil {
		return fmt.Sprintf("http://127.0.0.1:%d", d.proxy.Port())
	}
	return d.nodes[0].running.URL()
}

// logTail is what the parts of the deployment have printed last.
func (d *deployment) logTail() string {
	var text strings.Builder
	for i, n := range d.nodes {
		if n.running != nil {
			fmt.Fprintf(&text, "\nDirectus %d printed at last:\n%s", i+1, n.running.LogTail())
		}
	}
	if d.database != nil {
		fmt.Fprintf(&text, "\nthe database printed at last:\n%s", d.database.LogTail())
	}
	if d.proxy != nil {
		fmt.Fprintf(&text, "\nnginx printed at last:\n%s", d.proxy.LogTail())
	}
	return text.String()
}

// remove kills all processes, as their data are deleted, and returns what they printed last.
func (d *deployment) remove() string {
	text := d.logTail()
	for _, n := range d.nodes {
		n.kill()
	}
	if d.proxy != nil {
		d.proxy.Remove()
	}
	if d.redis != nil {
		d.redis.Remove()
	}
	if d.database != nil {
		d.database.Remove()
	}
	return text
}
