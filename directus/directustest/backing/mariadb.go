package backing

import (
	"context"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// MariaDB is the MariaDB of Debian, with the character set that Debian configures.
func MariaDB(ctx context.Context) (*Engine, error) {
	const packageName = "mariadb-server"
	server, err := find("mariadbd", packageName)
	if err != nil {
		return nil, err
	}
	install, err := find("mariadb-install-db", packageName)
	if err != nil {
		return nil, err
	}
	version, err := versionOf(ctx, server)
	if err != nil {
		return nil, err
	}
	self, err := user.Current()
	if err != nil {
		return nil, err
	}
	// It runs as root if it is told to, by --user.
	command := func(program, dir string, args ...string) *exec.Cmd {
		cmd := exec.Command(program, append([]string{"--no-defaults", "--user=" + self.Username, "--datadir=" + filepath.Join(dir, dataFolder),
			"--innodb-log-file-size=8M", "--innodb-undo-tablespaces=0", "--skip-name-resolve"}, args...)...)
		cmd.Dir = dir
		return cmd
	}
	const (
		name, password = "directus", "directus"
		startup        = "startup.sql" // what the server does at each start
	)
	return &Engine{
		Name: "mariadb-" + version,
		create: func(ctx context.Context, dir string) error {
			if err := run(ctx, command(install, dir, "--auth-root-authentication-method=normal", "--skip-test-db"), dir); err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, dataFolder, startup), []byte("CREATE DATABASE IF NOT EXISTS "+name+" CHARACTER SET utf8mb4;\n"+
				"CREATE USER IF NOT EXISTS "+name+"@'127.0.0.1' IDENTIFIED BY '"+password+"';\n"+
				"GRANT ALL ON "+name+".* TO "+name+"@'127.0.0.1';\n"), 0o600)
		},
		command: func(dir string, port int) *exec.Cmd {
			return command(server, dir, "--bind-address=127.0.0.1", "--port="+strconv.Itoa(port),
				"--socket="+filepath.Join(dir, "socket"), "--pid-file="+filepath.Join(dir, "pid"), "--tmpdir="+dir, "--init-file="+filepath.Join(dir, dataFolder, startup),
				"--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", "--innodb-buffer-pool-size=64M")
		},
		ready:  func(ctx context.Context, s *Service) error { return s.talk(ctx, "", "") },
		ending: syscall.SIGTERM, giving: syscall.SIGKILL,
		environ: func(port int) map[string]string {
			return map[string]string{"DB_CLIENT": "mysql", "DB_HOST": "127.0.0.1", "DB_PORT": strconv.Itoa(port), "DB_DATABASE": name, "DB_USER": name, "DB_PASSWORD": password}
		},
	}, nil
}
