package setup

import (
	"bytes"
	"slices"

	"gopkg.in/yaml.v3"
)

// Connection says how the daemon reaches Directus, by the keys of its configuration.
type Connection struct {
	URL         string   `yaml:"url"`
	CA          string   `yaml:"ca,omitempty"`
	Certificate *KeyPair `yaml:"client_certificate,flow,omitempty"`
}

// KeyPair names the files of a certificate and of its key.
type KeyPair struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

type collection struct {
	Collection string `yaml:"collection"`
}

const configHead = `# The configuration of directus-ircd. What is not here has its default: IRC
# clients connect to 127.0.0.1:6667. "directus-ircd config" prints every key.
`

// UsualConfig is the whole configuration for what Run makes in an empty Directus with the zero Options.
func UsualConfig(directus Connection) string {
	opts := Options{}.withDefaults()
	return Report{options: opts, fields: opts.Fields}.Config(directus)
}

// Config is the whole configuration of the daemon, as YAML, for what was found or made. It leaves out optional pieces that have
// a step with the status Differs.
func (r Report) Config(directus Connection) string {
	type channel struct {
		Name       string      `yaml:"name"`
		Collection string      `yaml:"collection"`
		Filter     object      `yaml:"filter,flow,omitempty"`
		Fields     Fields      `yaml:"fields,flow"`
		Correct    bool        `yaml:"corrections,omitempty"`
		Reactions  *collection `yaml:"reactions,flow,omitempty"`
	}
	type letters struct {
		Collection string      `yaml:"collection"`
		Kind       string      `yaml:"kind,omitempty"`
		Reactions  *collection `yaml:"reactions,flow,omitempty"`
	}
	c := struct {
		Directus Connection  `yaml:"directus"`
		Channels []channel   `yaml:"channels"`
		Rooms    *rooms      `yaml:"rooms,omitempty"`
		Private  *letters    `yaml:"private,omitempty"`
		Markers  *collection `yaml:"read_markers,omitempty"`
		Nick     []string    `yaml:"nick,flow,omitempty"`
	}{Directus: directus, Channels: []channel{{Name: "#" + r.options.Collection, Collection: r.options.Collection, Fields: r.fields, Correct: r.corrections}}}
	if r.reactions != "" {
		c.Channels[0].Reactions = &collection{Collection: r.reactions}
	}
	if r.rooms != nil {
		lobby := &c.Channels[0]
		lobby.Filter = object{roomField: object{"_null": true}}
		c.Rooms = &rooms{Collection: roomsCollection, Fields: *r.rooms, Join: "member", Create: true, Messages: roomMessages{
			Collection: lobby.Collection, Room: roomField, Fields: lobby.Fields, Correct: lobby.Correct, Reactions: lobby.Reactions}}
	}
	if r.private != "" {
		c.Private = &letters{Collection: r.private, Kind: r.privateKind}
		if r.privateReactions != "" {
			c.Private.Reactions = &collection{Collection: r.privateReactions}
		}
	}
	if r.markers != "" {
		c.Markers = &collection{Collection: r.markers}
	}
	if !slices.Equal(r.options.NickFields, usualNick) {
		c.Nick = r.options.NickFields
	}
	b := bytes.NewBufferString(configHead)
	enc := yaml.NewEncoder(b)
	enc.SetIndent(2)
	// Neither call can fail, because it writes plain strings into a buffer.
	_ = enc.Encode(c)
	_ = enc.Close()
	return b.String()
}
