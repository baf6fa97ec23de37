package bench

import (
	"bufio"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// program is the path of the daemon, built from what is here.
var program string

func TestMain(m *testing.M) {
	if kind := os.Getenv(floorVariable); kind != "" {
		if err := runFloor(kind); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(withProgram(m.Run))
}

func withProgram(run func() int) int {
	dir, err := os.MkdirTemp("", "directus-ircd-bench-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "directus-ircd")
	if out, err := exec.Command("go", "build", "-o", program, "directus-ircd/cmd/directus-ircd").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the daemon: %v\n%s", err, out)
		return 1
	}
	return run()
}

// older is another build of the daemon, to compare this one with.
var older = flag.String("older", "", "path of another build of the daemon, which is measured in the same run")

// build is a build of the daemon, by the name that its figures have.
type build struct{ name, path string }

// builds are those to measure, this one first.
func builds() []build {
	all := []build{{"irc", program}}
	if *older != "" {
		all = append(all, build{"older", *older})
	}
	return all
}

func (b build) start(tb testing.TB, directusURL string) *daemon {
	tb.Helper()
	return b.startOn(tb, directusURL, `{address: "127.0.0.1:0"}`)
}

// daemon is the program in a process of its own, without limits that a thousand clients of one machine would meet.
type daemon struct {
	process
	addr string // of its IRC listener
	stop func() // ends it before the test does
}

// process is a process that is measured.
type process struct {
	tb  testing.TB
	pid int
}

func startDaemon(tb testing.TB, directusURL string) *daemon {
	tb.Helper()
	return build{path: program}.start(tb, directusURL)
}

// startSecure starts one that listens for TLS, with the certificate that net/http/httptest has for that.
func (b build) startSecure(tb testing.TB, directusURL string) *daemon {
	tb.Helper()
	server := httptest.NewTLSServer(nil)
	defer server.Close()
	pair := server.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	cert := file("cert.pem", "CERTIFICATE", pair.Certificate[0])
	return b.startOn(tb, directusURL, fmt.Sprintf("{address: 127.0.0.1:0, tls: {cert: %s, key: %s}}", cert, file("key.pem", "PRIVATE KEY", key)))
}

func (b build) startOn(tb testing.TB, directusURL, listen string) *daemon {
	tb.Helper()
	return b.startWith(tb, directusURL, listen, `channels: [{name: "`+channel+`", collection: `+collection+`}]`)
}

// startWith starts one with channels, or rooms, of the configuration.
func (b build) startWith(tb testing.TB, directusURL, listen, channels string) *daemon {
	tb.Helper()
	config := filepath.Join(tb.TempDir(), "config.yaml")
	text := `directus: {url: "` + directusURL + `"}
server: {name: irc.example.com}
listen: [` + listen + `]
` + channels + `
limits: {connections: 0, connections_per_address: 0, registration_timeout: 10m, login_attempts_per_minute: 0, lines_per_second: 0}
log: {format: json}
`
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(b.path, "serve", "--config", config)
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET=")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	d := &daemon{process: process{tb, cmd.Process.Pid}}
	listening := make(chan string, 1)
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			var entry struct{ Message, Address string }
			if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Message == "listening" {
				listening <- entry.Address
			}
		}
	}()
	d.stop = sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		<-logged
		_ = cmd.Wait()
	})
	tb.Cleanup(d.stop)
	select {
	case d.addr = <-listening:
	case <-logged:
		tb.Fatal("the daemon ended")
	case <-time.After(20 * time.Second):
		tb.Fatal("the daemon does not listen")
	}
	return d
}

// cpu is the processor time that the process has used, to a hundredth of a second.
func (p *process) cpu() time.Duration {
	p.tb.Helper()
	// The name of the program, in brackets, is the second field; it holds no space.
	fields := strings.Fields(p.proc("stat"))
	ticks := 0
	for _, field := range fields[13:15] {
		n, err := strconv.Atoi(field)
		if err != nil {
			p.tb.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ
}

// resident is the memory of the process in bytes.
func (p *process) resident() float64 {
	p.tb.Helper()
	for line := range strings.Lines(p.proc("status")) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseFloat(strings.Fields(value)[0], 64)
			if err != nil {
				p.tb.Fatal(err)
			}
			return n * 1024
		}
	}
	p.tb.Fatal("the system does not tell the memory of a process")
	return 0
}

func (p *process) proc(file string) string {
	p.tb.Helper()
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(p.pid), file))
	if err != nil {
		p.tb.Fatal(err)
	}
	return string(b)
}
