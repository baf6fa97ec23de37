package backing

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Postgres is the PostgreSQL of Debian: version 15, or else the newest that is installed. As it refuses to run as root,
// it then runs as the user that its package makes.
func Postgres(ctx context.Context) (*Engine, error) {
	const packageName = "postgresql"
	// Debian keeps it out of PATH, where a pg_isready in Perl is.
	folders, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil || len(folders) == 0 {
		return nil, missing("PostgreSQL", packageName)
	}
	bin := slices.Max(folders)
	if wanted := "/usr/lib/postgresql/15/bin"; slices.Contains(folders, wanted) {
		bin = wanted
	}
	for _, program := range []string{"postgres", "initdb", "pg_isready"} {
		if _, err := exec.LookPath(filepath.Join(bin, program)); err != nil {
			return nil, missing("PostgreSQL", packageName)
		}
	}
	version, err := versionOf(ctx, filepath.Join(bin, "postgres"))
	if err != nil {
		return nil, err
	}
	owner, err := unlessRoot("postgres", packageName)
	if err != nil {
		return nil, err
	}
	command := func(dir, program string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, program), args...)
		cmd.Dir = dir
		owner.take(cmd)
		return cmd
	}
	const user, database = "directus", "postgres"
	return &Engine{
		Name: "postgres-" + version,
		create: func(ctx context.Context, dir string) error {
			return run(ctx, command(dir, "initdb", "-D", dataFolder, "--username="+user, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
				"--wal-segsize=1"), dir)
		},
		command: func(dir string, port int) *exec.Cmd {
			return command(dir, "postgres", "-D", dataFolder, "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-k", "", "-c", "timezone=UTC", "-c", "shared_buffers=32MB")
		},
		ready: func(ctx context.Context, s *Service) error {
			return exec.CommandContext(ctx, filepath.Join(bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(s.port)).Run()
		},
		ending: syscall.SIGINT,  // "fast": it waits for no client
		giving: syscall.SIGQUIT, // "immediate"
		owner:  owner,
		environ: func(port int) map[string]string {
			return map[string]string{"DB_CLIENT": "pg", "DB_HOST": "127.0.0.1", "DB_PORT": strconv.Itoa(port), "DB_DATABASE": database, "DB_USER": user, "DB_PASSWORD": "none"}
		},
	}, nil
}
