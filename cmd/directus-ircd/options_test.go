package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/text"
	"directus-ircd/cmd/directus-ircd/config"
)

// What is not configured does not reach the packages at all.
func TestOptionsDefaults(t *testing.T) {
	cfg := config.Default()
	opts := bridgeOptions(cfg, nil, zerolog.Nop())
	want := bridge.Options{
		NickFields:             []string{"first_name", "last_name"},
		Zone:                   time.UTC,
		LoginAttemptsPerMinute: 10,
		LoginsAtOnce:           8,
		PageMemory:             cfg.Limits.MemoryLimit() / pageShare, // as the machine has it
		Edits:                  collection.Edits{Show: true, Merge: 5 * time.Second, MaxAge: 24 * time.Hour},
		Channels: []collection.Config{{
			Name: "#messages", Collection: "messages", Backlog: 50, AutoJoin: true, Format: text.Plain,
			Fields: collection.Fields{ID: "id", Text: "text", Author: "user_created", Date: "date_created"},
		}},
		Recheck: 5 * time.Minute,
		Resume:  &bridge.Resume{MaxAge: 7 * 24 * time.Hour, MaxMessages: 1000},
		Logger:  zerolog.Nop(),
	}
	if !reflect.DeepEqual(opts, want) {
		t.Errorf("got  %+v\nwant %+v", opts, want)
	}
	irc := ircdOptions(cfg, zerolog.Nop())
	if irc.LineLength != 512 || irc.Admin != nil || !irc.DeleteNotices {
		t.Errorf("got %+v", irc)
	}
}

// allOptions sets what has no default, or another one.
const allOptions = `
directus: {url: "http://localhost:8055", public_url: "https://chat.example.com", recheck: 90s, share_feeds: false}
server: {admin: [Here, There], line_length: 2048}
channels:
  - name: "#dev"
    collection: chat
    topic: fixed
    topic_item: {collection: rooms, id: 7, field: description}
    format: markdown
    mentions: id
    corrections: true
    soft_delete: {field: status, values: [archived, true]}
    reactions: {collection: reactions}
    fields: {reply: reply_to, files: files}
private:
  collection: letters
  backlog: 5
  format: html
  reactions: {collection: seals}
read_markers: {collection: read}
edits: {show: false, delete_notice: false}
resume: {max_age: 0}
`

func TestOptions(t *testing.T) {
	cfg, err := config.Parse("test.yaml", []byte(allOptions))
	if err != nil {
		t.Fatal(err)
	}
	opts := bridgeOptions(cfg, nil, zerolog.Nop())
	want := bridge.Options{
		NickFields:             []string{"first_name", "last_name"},
		Zone:                   time.UTC,
		LoginAttemptsPerMinute: 10,
		LoginsAtOnce:           8,
		PageMemory:             cfg.Limits.MemoryLimit() / pageShare, // as the machine has it
		PublicURL:              "https://chat.example.com",
		Edits:                  collection.Edits{Merge: 5 * time.Second, MaxAge: 24 * time.Hour},
		Channels: []collection.Config{{
			Name: "#dev", Collection: "chat", Topic: "fixed", Backlog: 50, AutoJoin: true,
			Fields:     collection.Fields{ID: "id", Text: "text", Author: "user_created", Date: "date_created", Reply: "reply_to", Files: "files"},
			Format:     text.Markdown,
			MentionIDs: true, Corrections: true,
			SoftDelete: &collection.SoftDelete{Field: "status", Values: []string{"archived", "true"}},
			TopicItem:  &collection.TopicItem{Collection: "rooms", ID: "7", Field: "description"},
			Reactions:  &collection.Reactions{Collection: "reactions", Message: "message", Text: "text", Author: "user_created", Date: "date_created"},
		}},
		Private: &collection.Private{
			Collection: "letters", Backlog: 5, Format: text.HTML,
			Fields:    collection.Fields{ID: "id", Text: "text", Author: "user_created", Recipient: "recipient", Date: "date_created", Nonce: "nonce"},
			Reactions: &collection.Reactions{Collection: "seals", Message: "message", Text: "text", Author: "user_created", Date: "date_created"},
		},
		ReadMarkers: &collection.ReadMarkers{Collection: "read", Target: "target", Date: "date_read", User: "user_created"},
		Recheck:     90 * time.Second,
		OwnFeeds:    true,
		Logger:      zerolog.Nop(),
	}
	if !reflect.DeepEqual(opts, want) {
		t.Errorf("got  %+v\nwant %+v", opts, want)
	}
	irc := ircdOptions(cfg, zerolog.Nop())
	if irc.LineLength != 2048 || !reflect.DeepEqual(irc.Admin, []string{"Here", "There"}) || irc.DeleteNotices {
		t.Errorf("got %+v", irc)
	}
}
