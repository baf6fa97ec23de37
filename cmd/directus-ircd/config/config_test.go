package config

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/wire"
)

// minimal is the shortest valid file; tests add to it, so that their own lines
// begin with the third.
const minimal = "directus:\n  url: https://chat.example.com\n"

// manyValues sets what has a form of its own. CERT and KEY stand for files.
const manyValues = `
directus: {url: "http://localhost:8055/directus"}
server:
  name: irc.example.com
  network: Example Chat
  admin: [Here]
  line_length: 4096
  motd: |
    first
    second
listen:
  - address: "[::1]:6667"
  - {address: ":6697", tls: {cert: CERT, key: KEY}}
  - {address: ":8097", websocket: true, allowed_origins: ["https://chat.example.com", "http://localhost:8080"]}
  - {address: "127.0.0.1:6668", sts: {port: 6697}, websocket: false, proxy_protocol: [10.0.0.0/8, "fd00::1"]}
  - {address: ":6698", tls: {acme: true}, sts: {duration: 1d12h}, websocket: shared}
  - {address: "unix:/run/irc", mode: 0600, sts: }
  - {address: systemd:irc}
acme: {domains: [irc.example.com], http: ":80"}
login: {email_template: "{nick}@example.com"}
channels:
  - &general
    name: "#general"
    collection: chat
    backlog: 0
  - name: "#dev"
    auto_join: false
    topic: 42
    filter: {channel: {_eq: dev}}
    set: {channel: dev, flags: [1, true, null]}
    fields: {nonce: nonce}
nick: [title]
limits: {connections: 0, registration_timeout: 1m30s, send_queue: 2 MiB, lines_per_second: 0.5, burst: 0}
log: {level: trace, format: json}
metrics:
`

func TestConfigValues(t *testing.T) {
	cert, key := ircdtest.WriteCertificate(t, t.TempDir(), 1, time.Hour)
	cfg, err := Parse("test.yaml", []byte(strings.NewReplacer("CERT", cert, "KEY", key).Replace(manyValues)))
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.File = "test.yaml"
	want.Directus.URL = "http://localhost:8055/directus"
	want.Server = Server{Name: "irc.example.com", Network: "Example Chat", MOTD: "first\nsecond\n", Admin: []string{"Here"}, LineLength: 4096}
	want.Listen = []Listener{
		{Address: "[::1]:6667"},
		{Address: ":6697", TLS: TLS{Cert: cert, Key: key}},
		{Address: ":8097", WebSocket: WebSocketOnly, AllowedOrigins: []string{"https://chat.example.com", "http://localhost:8080"}},
		{Address: "127.0.0.1:6668", STS: &STS{Port: 6697}, ProxyProtocol: []string{"10.0.0.0/8", "fd00::1"}},
		{Address: ":6698", TLS: TLS{ACME: true}, STS: &STS{Duration: Duration(36 * time.Hour)}, WebSocket: WebSocketShared},
		{Address: "unix:/run/irc", Mode: 0o600},
		{Address: "systemd:irc"},
	}
	want.ACME.Domains, want.ACME.HTTP = []string{"irc.example.com"}, ":80"
	want.Login.EmailTemplate = "{nick}@example.com"
	general, dev := Channel{}, Channel{}
	general.SetDefaults()
	dev.SetDefaults()
	general.Name, general.Collection, general.Backlog = "#general", "chat", 0
	dev.Name, dev.AutoJoin, dev.Topic, dev.Fields.Nonce = "#dev", false, "42", "nonce"
	dev.Filter = map[string]any{"channel": map[string]any{"_eq": "dev"}}
	dev.Set = map[string]any{"channel": "dev", "flags": []any{1, true, nil}}
	want.Channels = []Channel{general, dev}
	want.Nick = []string{"title"}
	want.Limits.Connections, want.Limits.Burst, want.Limits.LinesPerSecond = 0, 0, 0.5
	want.Limits.RegistrationTimeout, want.Limits.SendQueue = Duration(90*time.Second), 2<<20
	want.Log = Log{"trace", "json"}
	if !reflect.DeepEqual(cfg, want) {
		t.Errorf("got  %+v\nwant %+v", cfg, want)
	}
	checkListeners(t, cfg)
}

// checkListeners looks at what is said of the listeners of manyValues.
func checkListeners(t *testing.T, cfg *Config) {
	t.Helper()
	if got := cfg.StrayPorts(); len(got) > 0 {
		t.Errorf("ports without TLS: %d", got)
	}
	if cfg.Listen[3].STS.Port = 6699; !reflect.DeepEqual(cfg.StrayPorts(), []int{6699}) {
		t.Errorf("ports without TLS: %d", cfg.StrayPorts())
	}
	if got := cfg.PlainListeners(); !reflect.DeepEqual(got, []string{":8097"}) {
		t.Errorf("plain listeners: %q", got)
	}
}

func TestServerNameDefault(t *testing.T) {
	d := newDecoder("")
	cfg := Default()
	cfg.Directus.URL = "http://localhost"
	validate(cfg, d)
	if err := d.err(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add(Example)
	f.Add(minimal + "channels: &a [*a]\n")
	f.Add("a: &a {<<: *a}\n")
	f.Add("? [a]\n: b\n")
	f.Add(minimal + "listen: [{address: \":1\", websocket: shared, allowed_origins: [\"*\"], proxy_protocol: [10.0.0.0/8]}]\nlimits: {burst: 1e3, send_queue: 64KiB, ping_timeout: 1d}\n")
	f.Add(minimal + "channels:\n  - {name: \"#a\", filter: {x: {_eq: [1, null]}}, set: {x: 1}, fields: {nonce: n}, format: html}\n  - name: \"#b\"\n")
	f.Add(minimal + "--- \n%TAG ! !\n\x00")
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := Parse("test.yaml", []byte(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), "test.yaml") || strings.Contains(err.Error(), "\x00") {
				t.Errorf("a fault without its place: %q", err)
			}
			return
		}
		for _, c := range cfg.Channels {
			if !wire.IsChannel(c.Name) || c.Collection == "" || c.Fields.Text == "" {
				t.Errorf("accepted as a channel: %+v", c)
			}
		}
		l := cfg.Limits
		if len(cfg.Channels) == 0 || l.Connections < 0 || l.LinesPerSecond < 0 || l.Burst < 0 || l.SendQueue < 0 || l.PingTimeout < 0 || l.RegistrationTimeout < 0 {
			t.Errorf("accepted as limits: %+v", l)
		}
	})
}

// With rooms there is no channel unless it is written down.
func TestRoomsTakeThePlaceOfTheChannel(t *testing.T) {
	const rooms = "rooms: {collection: rooms, messages: {room: place}}\n"
	cfg, err := Parse("test.yaml", []byte(minimal+rooms))
	if err != nil || len(cfg.Channels) != 0 || cfg.Rooms.Messages.Room != "place" || cfg.Rooms.Fields.Name != "name" || cfg.Rooms.Limit != 10000 {
		t.Errorf("got %+v, %v", cfg, err)
	}
	cfg, err = Parse("test.yaml", []byte(minimal+rooms+"channels: [{name: \"#lobby\"}]\n"))
	if err != nil || len(cfg.Channels) != 1 {
		t.Errorf("got %+v, %v", cfg, err)
	}
}
