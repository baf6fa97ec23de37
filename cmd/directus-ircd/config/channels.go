package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"directus-ircd/ircd/wire"
)

// Channel is a channel, with the collection or part of a collection that it shows.
type Channel struct {
	Name       string         `yaml:"name"`
	Collection string         `yaml:"collection"`
	Topic      string         `yaml:"topic"`
	TopicItem  TopicItem      `yaml:"topic_item"`
	Backlog    int            `yaml:"backlog"`
	AutoJoin   bool           `yaml:"auto_join"`
	Filter     map[string]any `yaml:"filter"`
	Set        map[string]any `yaml:"set"`
	Fields     Fields         `yaml:"fields"`
	Format     string         `yaml:"format" accepts:"plain markdown html"`
	Mentions   string         `yaml:"mentions" accepts:"text id"`
	Correct    bool           `yaml:"corrections"`
	SoftDelete SoftDelete     `yaml:"soft_delete"`
	Reactions  Reactions      `yaml:"reactions"`
}

// SetDefaults sets the defaults of a list entry before the entry is decoded.
func (c *Channel) SetDefaults() {
	*c = Channel{
		Collection: "messages",
		Backlog:    50,
		AutoJoin:   true,
		Fields:     Fields{ID: "id", Text: "text", Author: "user_created", Date: "date_created"},
		Format:     "plain",
		Mentions:   "text",
	}
}

// Fields names the fields of a collection of messages. An empty name means that there is no
// such field.
type Fields struct {
	ID     string `yaml:"id"`
	Text   string `yaml:"text"`
	Author string `yaml:"author"`
	Date   string `yaml:"date"`
	Nonce  string `yaml:"nonce"`
	Reply  string `yaml:"reply"`
	Files  string `yaml:"files"`
	Kind   string `yaml:"kind"`
}

// uses returns the fields with the key of the configuration that names each.
func (f Fields) uses() []fieldUse {
	return []fieldUse{
		{"id", f.ID, true}, {"text", f.Text, true}, {"author", f.Author, true}, {"date", f.Date, true},
		{"nonce", f.Nonce, false}, {"reply", f.Reply, false}, {"files", f.Files, false},
		{"kind", f.Kind, false},
	}
}

// fieldUse is a field of a collection with its key in the configuration.
type fieldUse struct {
	key, name string
	needed    bool
}

// TopicItem names the item and field that hold the topic. All are empty if the topic is not
// stored in Directus.
type TopicItem struct {
	Collection string `yaml:"collection"`
	ID         string `yaml:"id"`
	Field      string `yaml:"field"`
}

// SoftDelete says by which values of a field an item counts as deleted. With an empty field,
// only items that no longer exist are deleted.
type SoftDelete struct {
	Field  string   `yaml:"field"`
	Values []string `yaml:"values"`
}

// Reactions names the collection of reactions; empty: there are no reactions.
type Reactions struct {
	Collection string `yaml:"collection"`
}

// Private names the collection of private messages; empty: there are no private messages.
type Private struct {
	Collection string    `yaml:"collection"`
	Backlog    int       `yaml:"backlog"`
	Format     string    `yaml:"format" accepts:"plain markdown html"`
	Kind       string    `yaml:"kind"`
	Reactions  Reactions `yaml:"reactions"`
}

// Markers names the collection of read markers; empty: they are kept in memory.
type Markers struct {
	Collection string `yaml:"collection"`
}

// The fields of the collections that setup makes are the same in each.
var (
	ReactionFields = struct{ Message, Text, Author, Date string }{"message", "text", "user_created", "date_created"}
	PrivateFields  = struct{ ID, Text, Sender, Recipient, Date, Nonce string }{"id", "text", "user_created", "recipient", "date_created", "nonce"}
	MarkerFields   = struct{ Target, Date, User string }{"target", "date_read", "user_created"}
)

// Edits says how changes of messages are shown.
type Edits struct {
	Show         bool `yaml:"show"`
	DeleteNotice bool `yaml:"delete_notice"`
}

func validateChannels(cfg *Config, d *decoder) {
	if len(cfg.Channels) == 0 && cfg.Rooms.Collection == "" {
		d.fault("channels", "empty: write at least one channel, or leave the key out for \"#messages\" on the collection messages")
	}
	names := map[string]string{}
	for i, c := range cfg.Channels {
		path := fmt.Sprintf("channels[%d]", i)
		switch {
		case c.Name == "":
			d.fault(path+".name", "missing: write the name in quotes, such as name: \"#messages\" (without quotes YAML takes the # for a comment)")
		case !wire.IsChannel(c.Name):
			d.fault(path+".name", "%q is not a channel name: it begins with #, has at most %d bytes and no space, comma or colon", c.Name, wire.ChannelLen)
		case names[wire.Fold(c.Name)] != "":
			d.fault(path+".name", "%q is listed twice (also as %q): names that differ only in case are the same channel", c.Name, names[wire.Fold(c.Name)])
		default:
			names[wire.Fold(c.Name)] = c.Name
		}
		validateCollection(c.Collection, path+".collection", "messages need", d)
		validateBacklog(c.Backlog, path+".backlog", d)
		uses := validateUses(c.Fields.uses(), path+".fields", d)
		for _, name := range slices.Sorted(maps.Keys(c.Set)) {
			if uses[name] != "" {
				d.fault(path+".set", "the daemon itself writes %q (fields.%s): remove it here", name, uses[name])
			}
		}
		validateTopicItem(c.TopicItem, path+".topic_item", d)
		validateSoftDelete(c.SoftDelete, uses, path+".soft_delete", d)
		if c.Reactions.Collection != "" {
			validateCollection(c.Reactions.Collection, path+".reactions.collection", "reactions need", d)
		}
	}
}

// validateStores checks that messages, reactions, private messages and read markers have
// collections of their own. In a shared one, one kind of item would be shown as another.
func validateStores(cfg *Config, d *decoder) {
	if p := cfg.Private; p.Collection != "" {
		validateCollection(p.Collection, "private.collection", "private messages need", d)
		validateBacklog(p.Backlog, "private.backlog", d)
		if p.Reactions.Collection != "" {
			validateCollection(p.Reactions.Collection, "private.reactions.collection", "reactions need", d)
		}
		f := PrivateFields
		validateUses([]fieldUse{{"id", f.ID, true}, {"text", f.Text, true}, {"sender", f.Sender, true}, {"recipient", f.Recipient, true},
			{"date", f.Date, true}, {"nonce", f.Nonce, true}, {"kind", p.Kind, false}}, "private", d)
	}
	if m := cfg.Markers; m.Collection != "" {
		validateCollection(m.Collection, "read_markers.collection", "read markers need", d)
	}
	uses := map[string]string{} // by collection
	for _, c := range cfg.Channels {
		uses[c.Collection] = "the messages of " + c.Name
	}
	claim := func(collection, path, use string) {
		if collection == "" {
			return
		}
		if other := uses[collection]; other != "" && other != use {
			d.fault(path, "%q already holds %s: %s need a collection of their own", collection, other, use)
			return
		}
		uses[collection] = use
	}
	if r := cfg.Rooms; r.Collection != "" {
		if uses[r.Messages.Collection] == "" {
			uses[r.Messages.Collection] = "the messages of the rooms"
		}
		claim(r.Collection, "rooms.collection", "rooms")
		claim(r.Messages.Reactions.Collection, "rooms.messages.reactions.collection", "reactions")
	}
	for i, c := range cfg.Channels {
		claim(c.Reactions.Collection, fmt.Sprintf("channels[%d].reactions.collection", i), "reactions")
	}
	claim(cfg.Private.Collection, "private.collection", "private messages")
	claim(cfg.Private.Reactions.Collection, "private.reactions.collection", "reactions to private messages")
	claim(cfg.Markers.Collection, "read_markers.collection", "read markers")
}

func validateCollection(name, path, need string, d *decoder) {
	validateName(name, path, "collection", d)
	if strings.HasPrefix(name, "directus_") {
		d.fault(path, "%q is a collection of Directus itself: %s a collection of their own", name, need)
	}
}

func validateBacklog(n int, path string, d *decoder) {
	if n < 0 || n > maxBacklog {
		d.fault(path, "%d must be a number of messages from 0 to %d", n, maxBacklog)
	}
}

// validateUses checks the names of fields, and returns by name what each field is for.
func validateUses(fields []fieldUse, path string, d *decoder) map[string]string {
	uses := map[string]string{}
	for _, f := range fields {
		if f.needed || f.name != "" {
			validateName(f.name, path+"."+f.key, "field", d)
		}
		switch {
		case f.name == "":
		case uses[f.name] != "":
			d.fault(path+"."+f.key, "%q is already the field of %s: use a field of its own", f.name, uses[f.name])
		default:
			uses[f.name] = f.key
		}
	}
	return uses
}

func validateTopicItem(t TopicItem, path string, d *decoder) {
	if t == (TopicItem{}) {
		return
	}
	if t.Collection == "" || t.ID == "" || t.Field == "" {
		d.fault(path, "collection, id and field belong together: name the item and its field, such as {collection: rooms, id: \"1\", field: description}")
		return
	}
	validateCollection(t.Collection, path+".collection", "topics need", d)
	validateName(t.Field, path+".field", "field", d)
}

func validateSoftDelete(s SoftDelete, uses map[string]string, path string, d *decoder) {
	switch {
	case s.Field == "" && len(s.Values) == 0:
		return
	case s.Field == "" || len(s.Values) == 0:
		d.fault(path, "field and values belong together: write both, such as {field: status, values: [archived]}")
		return
	case uses[s.Field] != "":
		d.fault(path+".field", "%q is the field of %s: use another field to mark deleted messages", s.Field, uses[s.Field])
		return
	}
	validateName(s.Field, path+".field", "field", d)
}
