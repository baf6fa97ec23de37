package backing

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"text/template"

	"directus-ircd/directus/localserver/process"
)

// Nginx is a proxy in front of several processes of Directus, to which it gives requests in turn.
type Nginx struct {
	*Service
	program string
}

// nginxConfig is what the manual of Directus asks for: WebSockets, large bodies, the address of the client. A process
// that refuses connections is left out for each request anew, as it may be back.
var nginxConfig = template.Must(template.New("").Parse(`
daemon off;
worker_processes 1;
worker_shutdown_timeout 2s;
pid {{.Dir}}/pid;
error_log stderr warn;
{{if .Root}}user root;{{end}}
events { worker_connections 2048; }
http {
	access_log off;
	client_body_temp_path {{.Dir}}/body;
	proxy_temp_path {{.Dir}}/proxy;
	fastcgi_temp_path {{.Dir}}/fastcgi;
	uwsgi_temp_path {{.Dir}}/uwsgi;
	scgi_temp_path {{.Dir}}/scgi;
	client_max_body_size 100m;
	map $http_upgrade $connection_upgrade { default upgrade; '' close; }
	upstream directus {
{{range .Ports}}		server 127.0.0.1:{{.}} max_fails=0;
{{end}}	}
	server {
		listen 127.0.0.1:{{.Port}};
		location / {
			proxy_pass http://directus;
			proxy_http_version 1.1;
			proxy_set_header Host $http_host;
			proxy_set_header Upgrade $http_upgrade;
			proxy_set_header Connection $connection_upgrade;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header X-Forwarded-Proto $scheme;
		}
	}
}
`))

// NewNginx starts a proxy for the processes that listen, or will, on these ports.
func NewNginx(ctx context.Context, ports []int) (*Nginx, error) {
	program, err := find("nginx", "nginx")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "directustest-nginx-")
	if err != nil {
		return nil, err
	}
	n := &Nginx{program: program, Service: &Service{name: "nginx", dir: dir, ending: syscall.SIGTERM, giving: syscall.SIGTERM}}
	n.Service.command = func() *exec.Cmd {
		var text strings.Builder
		err := nginxConfig.Execute(&text, map[string]any{"Dir": dir, "Port": n.port, "Ports": ports, "Root": os.Geteuid() == 0})
		if err == nil {
			err = os.WriteFile(n.config(), []byte(text.String()), 0o600)
		}
		if err != nil {
			return &exec.Cmd{Err: err}
		}
		// The workers outlive a master that is killed. So the kernel tells a shell that this process has ended.
		cmd := exec.Command("sh", "-c", `trap 'kill -TERM $!; wait' TERM; "$0" "$@" & wait`, program, "-c", n.config(), "-e", "stderr")
		cmd.Dir = dir
		process.EndWithParent(cmd, syscall.SIGTERM)
		return cmd
	}
	n.Service.ready = func(ctx context.Context) error {
		_, err := os.Stat(filepath.Join(dir, "pid"))
		if err == nil {
			err = n.talk(ctx, "GET /server/ping HTTP/1.0\r\n\r\n", "HTTP/1.1 ")
		}
		return err
	}
	return n, begin(ctx, n.Service)
}

func (n *Nginx) config() string { return filepath.Join(n.dir, "nginx.conf") }

// Reload has new workers take over, as after a change of the configuration. The old ones end 2 s later, and cut the
// connections that are left.
func (n *Nginx) Reload(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, n.program, "-c", n.config(), "-e", "stderr", "-s", "reload").CombinedOutput()
	if err != nil {
		return fmt.Errorf("reload nginx: %w\n%s", err, out)
	}
	return nil
}
