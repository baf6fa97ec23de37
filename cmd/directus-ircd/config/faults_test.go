package config

import (
	"errors"
	"strings"
	"testing"
)

const channelKeys = "name, collection, topic, topic_item, backlog, auto_join, filter, set, fields, format, mentions, corrections, soft_delete, reactions"

// faultyFiles are told by these faults, one a line.
var faultyFiles = []struct {
	name, text string
	want       []string // one a line, without the name of the file
}{
	{"empty file", "", []string{
		`: directus.url: missing: write the address of your Directus, such as https://chat.example.com`}},
	{"only comments", "# nothing\n", []string{
		`: directus.url: missing: write the address of your Directus, such as https://chat.example.com`}},
	{"no YAML", "directus: [\n", []string{
		`:1: this is not YAML: did not find expected node content`}},
	{"tab", "directus:\n\turl: x\n", []string{
		`:2: this is not YAML: found character that cannot start any token`}},
	{"text instead of keys", "https://chat.example.com\n", []string{
		`:1: "https://chat.example.com" stands where keys are expected: write keys with values; accepted here are directus, server, listen, acme, login, channels, rooms, private, read_markers, edits, resume, nick, users, limits, log, metrics, admin`}},
	{"two documents", minimal + "---\nlog: {}\n", []string{
		`:3: a second document begins here, but the configuration is one document: remove the line "---" and what follows`}},
	{"unknown key", minimal + "chanels: []\n", []string{
		`:3: chanels: unknown key (did you mean "channels"?): accepted here are directus, server, listen, acme, login, channels, rooms, private, read_markers, edits, resume, nick, users, limits, log, metrics, admin`}},
	{"unknown key unlike any", minimal + "database: x\n", []string{
		`:3: database: unknown key: accepted here are directus, server, listen, acme, login, channels, rooms, private, read_markers, edits, resume, nick, users, limits, log, metrics, admin`}},
	{"unknown inner key", minimal + "channels:\n  - name: \"#a\"\n    autojoin: true\n", []string{
		`:5: channels[0].autojoin: unknown key (did you mean "auto_join"?): accepted here are ` + channelKeys}},
	{"key set twice", minimal + "nick: [a]\nnick: [b]\n", []string{
		`:4: nick: this key is already set in line 3: remove one of them`}},
	{"mapping instead of list", minimal + "channels: {name: x}\n", []string{
		`:3: channels: a mapping stands where a list is expected: begin each entry with "- ", or write [a, b]`}},
	{"list instead of mapping", minimal + "log: [a]\n", []string{
		`:3: log: a list stands where keys are expected: write keys with values; accepted here are level, format`}},
	{"list instead of text", minimal + "server: {motd: [a]}\n", []string{
		`:3: server.motd: a list stands where a text is expected`}},
	{"list instead of value", minimal + "log: {level: [a]}\n", []string{
		`:3: log.level: a list stands where a text is expected`}},
	{"number", minimal + "limits: {connections: many}\n", []string{
		`:3: limits.connections: "many" is not accepted here: write a whole number`}},
	{"fraction of a whole number", minimal + "limits:\n  connections: 0.9\n  connections_per_address: 1.5\n  login_attempts_per_minute: 0.5\n  burst: -0.5\nchannels:\n  - name: \"#a\"\n    backlog: 2.5\n", []string{
		`:4: limits.connections: "0.9" is not accepted here: write a whole number`,
		`:5: limits.connections_per_address: "1.5" is not accepted here: write a whole number`,
		`:6: limits.login_attempts_per_minute: "0.5" is not accepted here: write a whole number`,
		`:7: limits.burst: "-0.5" is not accepted here: write a whole number`,
		`:10: channels[0].backlog: "2.5" is not accepted here: write a whole number`}},
	{"fraction", minimal + "limits: {lines_per_second: fast}\n", []string{
		`:3: limits.lines_per_second: "fast" is not accepted here: write a number`}},
	{"boolean", minimal + "channels: [{name: \"#a\", auto_join: maybe}]\n", []string{
		`:3: channels[0].auto_join: "maybe" is not accepted here: write true or false`}},
	{"negative", minimal + "limits:\n  burst: -1\n", []string{
		`:4: limits.burst: -1 is below 0: write 0 for no limit`}},
	{"short silence", minimal + "limits:\n  ping_timeout: 5s\n", []string{
		`:4: limits.ping_timeout: 5s is too short for a client on a slow line: write 20s or more, or 0 for no limit`}},
	{"rooms without a collection", minimal + "rooms: {create: true}\n", []string{
		`:3: rooms.collection: missing: name the collection that holds the rooms, or remove the other keys of rooms`}},
	{"rooms that one joins somehow", minimal + "rooms: {collection: rooms, join: some}\n", []string{
		`:3: rooms.join: "some" is not accepted here: write one of all, member, none`}},
	{"rooms that cannot be", minimal + "rooms:\n  collection: messages\n  fields: {topic: name}\n  messages: {room: text}\n  limit: 0\n", []string{
		`:4: rooms.collection: "messages" already holds the messages of the rooms: rooms need a collection of their own`,
		`:5: rooms.fields.topic: "name" is already the field of name: use a field of its own`,
		`:6: rooms.messages.room: "text" is the field of text: name the many-to-one field that leads to the room`,
		`:7: rooms.limit: 0 must be a number of rooms from 1 to 100000`}},
	{"infinite", minimal + "limits:\n  lines_per_second: .inf\n", []string{
		`:4: limits.lines_per_second: +Inf is not a rate: write a number of lines, or 0 for no limit`}},
	{"time without unit", minimal + "limits:\n  registration_timeout: 60\n", []string{
		`:4: limits.registration_timeout: "60" is not a time span: write a number with its unit, such as 60s, 2m, 1h30m or 30d, or 0 for none`}},
	{"size", minimal + "limits:\n  send_queue: big\n", []string{
		`:4: limits.send_queue: "big" is not a size: write bytes or a number with its unit, such as 65536, 512KiB or 1MiB, or 0 for no limit`}},
	{"memory too small", minimal + "limits:\n  memory: 31MiB\n", []string{
		`:4: limits.memory: 32505856 bytes are too few for the daemon: write 32MiB or more, or 0 for a share of the memory of the machine or cgroup`}},
	{"size too small", minimal + "limits:\n  send_queue: 10\n", []string{
		`:4: limits.send_queue: 10 bytes are too few for a backlog: write 64KiB or more, or 0 for no limit`}},
	{"log level", minimal + "log: {level: inf, format: xml}\n", []string{
		`:3: log.level: "inf" is not accepted here (did you mean "info"?): write one of trace, debug, info, warn, error`,
		`:3: log.format: "xml" is not accepted here: write one of console, json`}},
	{"url without scheme", "directus:\n  url: chat.example.com\n", []string{
		`:2: directus.url: the address must begin with https:// or http://: write the address of your Directus, such as https://chat.example.com`}},
	{"url of a socket", "directus: {url: \"wss://chat.example.com\"}\n", []string{
		`:1: directus.url: the address must begin with https:// or http://: write the address of your Directus, such as https://chat.example.com`}},
	{"url without host", "directus: {url: \"https://\"}\n", []string{
		`:1: directus.url: the address names no host: write the address of your Directus, such as https://chat.example.com`}},
	{"url with query", "directus: {url: \"https://chat.example.com/?access_token=x\"}\n", []string{
		`:1: directus.url: the address must not have a query or a fragment: write the address of your Directus, such as https://chat.example.com`}},
	{"url with a password", "directus: {url: \"https://ada:geheim@chat.example.com\"}\n", []string{
		`:1: directus.url: the address must not hold a user name or password: everybody logs in with their own: write the address of your Directus, such as https://chat.example.com`}},
	{"url that is none", "directus: {url: \"https://chat.exam ple.com:x\"}\n", []string{
		`:1: directus.url: this is not an address: write the address of your Directus, such as https://chat.example.com`}},
	{"server name without a dot", minimal + "server: {name: irc}\n", []string{
		`:3: server.name: "irc" must be a host name with a dot, such as irc.example.com: by the dot, clients tell a server from a user`}},
	{"server name with a space", minimal + "server: {name: irc.example com}\n", []string{
		`:3: server.name: "irc.example com" must be a host name: letters, digits, dots and hyphens only`}},
	{"server name too long", minimal + "server: {name: a." + strings.Repeat("b", 62) + "}\n", []string{
		`:3: server.name: longer than 63 characters`}},
	{"network", minimal + "server: {network: \"\"}\n", []string{
		`:3: server.network: "" must be a short name, of 1 to 64 bytes`}},
	{"no listener", minimal + "listen: []\n", []string{
		`:3: listen: empty: write at least one listener, such as - address: 127.0.0.1:6667, or leave the key out`}},
	{"listener without a port", minimal + "listen:\n  - address: 127.0.0.1\n", []string{
		`:4: listen[0].address: "127.0.0.1" is not an address to listen on: write host:port, such as 127.0.0.1:6667, [::1]:6667, or :6697 for every address of the machine`}},
	{"listener without an address", minimal + "listen:\n  - websocket: true\n", []string{
		`:4: listen[0].address: "" is not an address to listen on: write host:port, such as 127.0.0.1:6667, [::1]:6667, or :6697 for every address of the machine`}},
	{"listener twice", minimal + "listen:\n  - address: :6667\n  - address: :6667\n", []string{
		`:5: listen[1].address: :6667 is listed twice`}},
	{"certificate without key", minimal + "listen:\n  - address: :6697\n    tls: {cert: a.pem}\n", []string{
		`:5: listen[0].tls: cert without key: name the file of the private key too`}},
	{"key without certificate", minimal + "listen:\n  - address: :6697\n    tls: {key: a.key}\n", []string{
		`:5: listen[0].tls: key without cert: name the file of the certificate too`}},
	{"certificate that is not there", minimal + "listen:\n  - address: :6697\n    tls: {cert: /nowhere/a.pem, key: /nowhere/a.key}\n", []string{
		`:5: listen[0].tls: the certificate cannot be loaded: open /nowhere/a.pem: no such file or directory: name a PEM file that the user of the daemon may read`}},
	{"origins without a WebSocket", minimal + "listen:\n  - address: :80\n    allowed_origins: [\"https://a.example\"]\n", []string{
		`:5: listen[0].allowed_origins: only a WebSocket listener has origins: add websocket: true, or remove the key`}},
	{"origin with a path", minimal + "listen:\n  - address: :80\n    websocket: true\n    allowed_origins: [\"https://a.example/\"]\n", []string{
		`:6: listen[0].allowed_origins[0]: "https://a.example/" is not an origin: write scheme and host as browsers do, such as https://chat.example.com, or "*" for any`}},
	{"a Unix socket without a path", minimal + "listen:\n  - address: unix:irc.sock\n", []string{
		`:4: listen[0].address: "unix:irc.sock" is not a Unix socket: write unix: and the whole path, such as unix:/run/directus-ircd/irc.sock`}},
	{"a Unix socket with a long path", minimal + "listen:\n  - address: unix:/" + strings.Repeat("a", 91) + "/irc.sock\n", []string{
		`:4: listen[0].address: the path of the Unix socket is too long: its folder may have 90 bytes and the whole 107`}},
	{"systemd without the name", minimal + "listen:\n  - address: \"systemd:\"\n", []string{
		`:4: listen[0].address: "systemd:" is not a socket of systemd: write systemd, or systemd: and the FileDescriptorName of the socket unit`}},
	{"mode of a TCP port", minimal + "listen:\n  - address: :6667\n    mode: \"0660\"\n", []string{
		`:5: listen[0].mode: only a Unix socket has a mode: remove the key, or write address: unix:/path/of/the/socket`}},
	{"mode in decimal", minimal + "listen:\n  - address: unix:/run/a\n    mode: rw\n  - address: unix:/run/b\n    mode: \"01777\"\n", []string{
		`:5: listen[0].mode: "rw" is not a file mode: write it in octal, such as "0660"`,
		`:7: listen[1].mode: "01777" is not a file mode: write it in octal, such as "0660"`}},
	{"files and ACME", minimal + "listen:\n  - address: :6697\n    tls: {cert: a.pem, key: a.key, acme: true}\nacme: {domains: [irc.example.com]}\n", []string{
		`:5: listen[0].tls: acme is set together with cert or key: write either acme: true, or cert and key`}},
	{"ACME without domains", minimal + "listen:\n  - address: :6697\n    tls: {acme: true}\n", []string{
		`: acme.domains: missing, but a listener has tls: {acme: true}: name the hosts of the certificates, such as [irc.example.com]`}},
	{"ACME that nobody uses", minimal + "acme:\n  domains: [irc.example.com]\n", []string{
		`:4: acme.domains: no listener uses these certificates: write tls: {acme: true} on a listener, or remove the key`}},
	{"challenges that nobody needs", minimal + "acme:\n  http: \":80\"\n", []string{
		`:4: acme.http: no listener uses certificates by ACME: write tls: {acme: true} on a listener, or remove the key`}},
	{"ACME values", minimal + "listen: [{address: \":6697\", tls: {acme: true}}]\nacme:\n  domains: [localhost, \"*.example.com\", 192.0.2.1, IRC.example.com]\n" +
		"  directory: http://acme.example.com\n  http: \":6697\"\n", []string{
		`:5: acme.domains[0]: "localhost" is not a host name for which a certificate can be issued: write such as irc.example.com, in small letters and without *`,
		`:5: acme.domains[1]: "*.example.com" is not a host name for which a certificate can be issued: write such as irc.example.com, in small letters and without *`,
		`:5: acme.domains[2]: "192.0.2.1" is not a host name for which a certificate can be issued: write such as irc.example.com, in small letters and without *`,
		`:5: acme.domains[3]: "IRC.example.com" is not a host name for which a certificate can be issued: write such as irc.example.com, in small letters and without *`,
		`:6: acme.directory: "http://acme.example.com" is not an ACME directory: write an address that begins with https://`,
		`:7: acme.http: :6697 is already the address of a listener: choose another port`}},
	{"metrics where ACME is", minimal + "listen: [{address: \":6697\", tls: {acme: true}}]\nacme: {domains: [irc.example.com], http: \":80\"}\nmetrics: {address: \":80\"}\n", []string{
		`:5: metrics.address: :80 is already the address of acme.http: choose another port`}},
	{"sts on a plain listener", minimal + "listen:\n  - address: :6667\n    sts: {duration: 30d}\n  - address: :6668\n    sts: {}\n  - address: :6669\n    sts: {port: 66970}\n", []string{
		`:5: listen[0].sts: a plain listener only names the port with TLS: write sts: {port: 6697} here, and set duration on the listener with TLS`,
		`:7: listen[1].sts: the port of the listener with TLS is missing: write sts: {port: 6697}`,
		`:9: listen[2].sts: the port of the listener with TLS is missing: write sts: {port: 6697}`}},
	{"sts on a TLS listener", minimal + "acme: {domains: [irc.example.com]}\nlisten:\n  - address: :6697\n    tls: {acme: true}\n    sts: {port: 6697}\n", []string{
		`:7: listen[0].sts.port: only a plain listener names the port with TLS: remove the key, and set duration to how long clients must use TLS`}},
	{"sts where nobody needs it", minimal + "listen:\n  - address: unix:/run/a\n    sts: {port: 6697}\n  - address: :80\n    websocket: true\n    sts: {port: 6697}\n", []string{
		`:5: listen[0].sts: clients cannot connect to a Unix socket by themselves: set it on the TCP listeners`,
		`:8: listen[1].sts: sts is only for IRC, not for WebSockets: remove the key`}},
	{"websocket", minimal + "listen:\n  - address: :80\n    websocket: both\n", []string{
		`:5: listen[0].websocket: "both" is not accepted here: write one of false, true, shared`}},
	{"proxies", minimal + "listen:\n  - address: :6667\n    proxy_protocol: [10.0.0.0/33, proxy.example.com, \"::ffff:10.0.0.0/104\"]\n  - address: unix:/run/a\n    proxy_protocol: [10.0.0.1]\n", []string{
		`:5: listen[0].proxy_protocol[0]: "10.0.0.0/33" is not a network address: write such as 10.0.0.0/8, 192.0.2.7 or fd00::/8`,
		`:5: listen[0].proxy_protocol[1]: "proxy.example.com" is not a network address: write such as 10.0.0.0/8, 192.0.2.7 or fd00::/8`,
		`:5: listen[0].proxy_protocol[2]: "::ffff:10.0.0.0/104" is not a network address: write such as 10.0.0.0/8, 192.0.2.7 or fd00::/8`,
		`:7: listen[1].proxy_protocol: connections to a Unix socket have no address: remove the key, or let the proxy connect over TCP`}},
	{"admin", minimal + "server: {admin: [a, \"\", c, d]}\n", []string{
		`:3: server.admin: 4 lines, but ADMIN has 3 at most: the place, the organisation, and how to reach somebody`,
		`:3: server.admin[1]: "" must be one line, of 1 to 400 bytes`}},
	{"line length", minimal + "server: {line_length: 100}\n", []string{
		`:3: server.line_length: 100 must be a number of bytes from 512 to 8192`}},
	{"days", minimal + "limits: {registration_timeout: 99999999999d}\n", []string{
		`:3: limits.registration_timeout: "99999999999d" is not a time span: write a number with its unit, such as 60s, 2m, 1h30m or 30d, or 0 for none`}},
	{"template without provider", minimal + "login: {identifier_template: \"{nick}\"}\n", []string{
		`:3: login.identifier_template: is for the login.provider, and there is none: name the provider, or use login.email_template for Directus' own login`}},
	{"provider", minimal + "login: {provider: \"my ldap\", identifier_template: \"nick\", email_template: \"{nick}@example.com\"}\n", []string{
		`:3: login.identifier_template: "nick" must have {nick} where the nick goes, and may be "{nick}" alone`,
		`:3: login.provider: "my ldap" is not a name of a login provider of Directus: use only letters, digits, _ and -`,
		`:3: login.email_template: is for Directus' own login, but passwords go to the login.provider: use login.identifier_template instead`}},
	{"account", minimal + "users: {account: email}\n", []string{
		`:3: users.account: "email" must not be shown to others: choose a field with account names, which are unique and which users cannot change`}},
	{"template", minimal + "login: {email_template: \"nick@example.com\"}\n", []string{
		`:3: login.email_template: "nick@example.com" must be an e-mail address with {nick} where the nick goes, such as "{nick}@example.com"`}},
	{"no channel", minimal + "channels: []\n", []string{
		`:3: channels: empty: write at least one channel, or leave the key out for "#messages" on the collection messages`}},
	{"channel name without quotes", minimal + "channels:\n  - name: #dev\n", []string{
		`:4: channels[0].name: missing: write the name in quotes, such as name: "#messages" (without quotes YAML takes the # for a comment)`}},
	{"channel name", minimal + "channels:\n  - name: dev\n", []string{
		`:4: channels[0].name: "dev" is not a channel name: it begins with #, has at most 50 bytes and no space, comma or colon`}},
	{"channel twice", minimal + "channels:\n  - name: \"#dev\"\n  - name: \"#Dev\"\n", []string{
		`:5: channels[1].name: "#Dev" is listed twice (also as "#dev"): names that differ only in case are the same channel`}},
	{"collection of Directus", minimal + "channels: [{name: \"#a\", collection: directus_users}]\n", []string{
		`:3: channels[0].collection: "directus_users" is a collection of Directus itself: messages need a collection of their own`}},
	{"collection", minimal + "channels: [{name: \"#a\", collection: a/b}]\n", []string{
		`:3: channels[0].collection: "a/b" is not a name of a collection: use only letters, digits, _ and -`}},
	{"backlog", minimal + "channels: [{name: \"#a\", backlog: 1000000}]\n", []string{
		`:3: channels[0].backlog: 1000000 must be a number of messages from 0 to 10000`}},
	{"field", minimal + "channels:\n  - name: \"#a\"\n    fields:\n      author: \"\"\n", []string{
		`:6: channels[0].fields.author: "" is not a name of a field: use only letters, digits, _ and -`}},
	{"field twice", minimal + "channels:\n  - name: \"#a\"\n    fields: {nonce: text}\n", []string{
		`:5: channels[0].fields.nonce: "text" is already the field of text: use a field of its own`}},
	{"set of the text", minimal + "channels:\n  - name: \"#a\"\n    set: {text: hi}\n", []string{
		`:5: channels[0].set: the daemon itself writes "text" (fields.text): remove it here`}},
	{"filter", minimal + "channels:\n  - name: \"#a\"\n    filter: dev\n", []string{
		`:5: channels[0].filter: "dev" stands where a mapping is expected: write {field: value}`}},
	{"filter with odd keys", minimal + "channels:\n  - name: \"#a\"\n    filter: {a: {[1]: 2}}\n", []string{
		`:5: channels[0].filter: this cannot be sent to Directus as JSON: yaml: invalid map key: []interface {}{1}`}},
	{"public url", minimal + "  public_url: chat.example.com\n", []string{
		`:3: directus.public_url: the address must begin with https:// or http://: write the address under which people reach Directus, such as https://chat.example.com, or leave the key out`}},
	{"format", minimal + "channels: [{name: \"#a\", format: rich, mentions: nick}]\n", []string{
		`:3: channels[0].format: "rich" is not accepted here: write one of plain, markdown, html`,
		`:3: channels[0].mentions: "nick" is not accepted here: write one of text, id`}},
	{"files in the text", minimal + "channels:\n  - name: \"#a\"\n    fields: {reply: text, files: a.b}\n", []string{
		`:5: channels[0].fields.reply: "text" is already the field of text: use a field of its own`,
		`:5: channels[0].fields.files: "a.b" is not a name of a field: use only letters, digits, _ and -`}},
	{"topic without an item", minimal + "channels:\n  - name: \"#a\"\n    topic_item: {collection: rooms, field: topic}\n", []string{
		`:5: channels[0].topic_item: collection, id and field belong together: name the item and its field, such as {collection: rooms, id: "1", field: description}`}},
	{"soft delete", minimal + "channels:\n  - name: \"#a\"\n    soft_delete: {field: status}\n  - name: \"#b\"\n    soft_delete: {field: text, values: [gone]}\n", []string{
		`:5: channels[0].soft_delete: field and values belong together: write both, such as {field: status, values: [archived]}`,
		`:7: channels[1].soft_delete.field: "text" is the field of text: use another field to mark deleted messages`}},
	{"one collection for all", minimal + "channels:\n  - name: \"#a\"\n    reactions: {collection: messages}\nprivate: {collection: messages, backlog: -1, reactions: {collection: messages}}\nread_markers:\n  collection: directus_users\n", []string{
		`:5: channels[0].reactions.collection: "messages" already holds the messages of #a: reactions need a collection of their own`,
		`:6: private.backlog: -1 must be a number of messages from 0 to 10000`,
		`:6: private.collection: "messages" already holds the messages of #a: private messages need a collection of their own`,
		`:6: private.reactions.collection: "messages" already holds the messages of #a: reactions to private messages need a collection of their own`,
		`:8: read_markers.collection: "directus_users" is a collection of Directus itself: read markers need a collection of their own`}},
	{"recheck", minimal + "  recheck: 2h\n", []string{
		`:3: directus.recheck: 2h0m0s must be a time span from 5s to 1h0m0s, such as 5m`}},
	{"edits", minimal + "edits: {show: sometimes}\n", []string{
		`:3: edits.show: "sometimes" is not accepted here: write true or false`}},
	{"resume", minimal + "resume: {directory: \"\", max_age: week}\n", []string{
		`:3: resume.max_age: "week" is not a time span: write a number with its unit, such as 60s, 2m, 1h30m or 30d, or 0 for none`,
		`:3: resume.directory: empty: name the folder for the files that the daemon keeps over restarts`}},
	{"no nick", minimal + "nick: []\n", []string{
		`:3: nick: empty: name at least one field of the users, such as [first_name, last_name]`}},
	{"nick from the address", minimal + "nick: [first_name, email]\n", []string{
		`:3: nick[1]: "email" must not be shown to others: choose a field with a name, such as first_name`}},
	{"admin socket", minimal + "admin: {socket: admin.sock}\n", []string{
		`:3: admin.socket: "admin.sock" is not a Unix socket: write the whole path, such as /run/directus-ircd/irc.sock`}},
	{"admin socket of a listener", minimal + "listen: [{address: unix:/run/s}]\nadmin: {socket: /run/s}\n", []string{
		`:4: admin.socket: /run/s is already the address of a listener: choose another path`}},
	{"metrics address", minimal + "metrics: {address: here}\n", []string{
		`:3: metrics.address: "here" is not an address to listen on: write host:port, such as 127.0.0.1:6667, [::1]:6667, or :6697 for every address of the machine`}},
	{"metrics on an IRC port", minimal + "metrics: {address: 127.0.0.1:6667}\n", []string{
		`:3: metrics.address: 127.0.0.1:6667 is already the address of a listener: choose another port`}},
	{"all at once, by line", "server: {name: irc}\ndirectus: {uri: x}\nlog: {level: loud}\n", []string{
		`:1: server.name: "irc" must be a host name with a dot`,
		`:2: directus.uri: unknown key (did you mean "url"?): accepted here are url`,
		`:2: directus.url: missing`,
		`:3: log.level: "loud" is not accepted here: write one of`}},
}

func TestConfigFaults(t *testing.T) {
	for _, test := range faultyFiles {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("test.yaml", []byte(test.text))
			if err == nil {
				t.Fatalf("accepted:\n%s", test.text)
			}
			if _, ok := errors.AsType[Error](err); !ok {
				t.Errorf("it is no mistake in the configuration: %T", err)
			}
			got := strings.Split(err.Error(), "\n")
			if len(got) != len(test.want) {
				t.Fatalf("got %d faults, want %d:\n%v", len(got), len(test.want), err)
			}
			for i, want := range test.want {
				// That case gives the beginnings only.
				if want = "test.yaml" + want; got[i] != want && !(test.name == "all at once, by line" && strings.HasPrefix(got[i], want)) {
					t.Errorf("fault %d:\ngot  %s\nwant %s", i, got[i], want)
				}
			}
		})
	}
}

// The text of a fault goes to terminals and logs: no password may be in it.
func TestConfigFaultQuotesNoPassword(t *testing.T) {
	for _, url := range []string{"https://ada:geheim@chat.example.com", "ftp://ada:geheim@x", "https://ada:geheim@exa mple", "%zz:geheim@"} {
		_, err := Parse("test.yaml", []byte("directus: {url: '"+url+"'}\n"))
		if err == nil || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: got %v", url, err)
		}
	}
}
