package collection

import (
	"cmp"
	"slices"
	"time"

	"directus-ircd/bridge/text"
)

// Config configures one IRC channel: a view of a Directus collection.
type Config struct {
	// Name is the IRC name, such as "#messages".
	Name string
	// Collection holds the channel's messages; several channels may share one
	// and differ by Filter and Set.
	Collection string
	Topic      string
	// Backlog is the number of messages shown on JOIN; 0 shows none.
	Backlog  int
	AutoJoin bool
	// Filter is a Directus filter put on every read and subscription.
	Filter map[string]any
	// Set holds values written into every item created from the channel.
	Set    map[string]any
	Fields Fields
	// Format is what the text field holds.
	Format text.Format
	// MentionIDs stores "@nick" as "@<user id>", as Directus writes mentions;
	// otherwise texts are stored as they are typed.
	MentionIDs bool
	// Corrections makes "s/old/new/" edit the sender's last message.
	Corrections bool
	// SoftDelete tells which items count as deleted; nil: only items that no longer
	// exist.
	SoftDelete *SoftDelete
	// TopicItem is where the topic is stored; nil: Topic is all there is.
	TopicItem *TopicItem
	// Reactions is where reactions to the channel's messages are stored; nil:
	// there are none.
	Reactions *Reactions
}

// Fields names the fields of a collection that make a message. Those that the
// collection does not have are empty.
type Fields struct {
	// ID is the primary key; empty: "id".
	ID                 string
	Text, Author, Date string
	// Nonce is an optional unique text field. With it a message is stored at
	// most once whatever happens on the way; empty: the collection has none.
	Nonce string
	// Kind is a text field that is "notice" in a NOTICE; empty: the collection has none.
	Kind string
	// Recipient is the user whom a private message is for.
	Recipient string
	// Reply is a relation to the item that this one answers (many to one).
	Reply string
	// Files is a file, or a list of files through a junction whose field is
	// directus_files_id.
	Files string
}

// Key names the primary key.
func (f Fields) Key() string { return cmp.Or(f.ID, "id") }

// SoftDelete marks deleted items by the value of a field.
type SoftDelete struct {
	Field string
	// Values each mean deleted; deleting sets the first.
	Values []string
}

// TopicItem is one field of one item, such as the description of a room.
type TopicItem struct{ Collection, ID, Field string }

// Reactions is a collection of reactions, an item for each: the message (many to
// one), the text (an emoji), and who and when as Directus fills them in.
type Reactions struct{ Collection, Message, Text, Author, Date string }

// Complete reports whether a name of everything is given; nil is complete.
func (c *Reactions) Complete() bool {
	return c == nil || !slices.Contains([]string{c.Collection, c.Message, c.Text, c.Author, c.Date}, "")
}

// Private is a collection of messages between two users.
type Private struct {
	Collection string
	// Fields has a Recipient; Author is the sender.
	Fields Fields
	Format text.Format
	// Backlog is the number of messages shown after the login to clients that
	// do not fetch history by themselves; 0 shows none.
	Backlog int
	// Reactions is where reactions to private messages are stored; nil: nowhere.
	Reactions *Reactions
}

// ReadMarkers is a collection that says up to when users have read, an item for
// each user and target.
type ReadMarkers struct{ Collection, Target, Date, User string }

// Edits says how changes of messages are shown.
type Edits struct {
	// Show shows new texts; deletions are always shown.
	Show bool
	// Merge is how long a text must stay unchanged before it is shown.
	Merge time.Duration
	// MaxAge is the age of a message beyond which its changes are not shown;
	// 0: none.
	MaxAge time.Duration
}
