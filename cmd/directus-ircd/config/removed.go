package config

import "regexp"

// removed holds the keys that earlier releases accepted, and what a fault says about each:
// what applies instead of the key, and what to do. The path of a key has [] for the entries
// of a list. A group that was removed as a whole has one entry.
var removed = map[string]string{
	"listen[].sts.preload":         "no list of hosts goes by it. Remove the key",
	"acme.email":                   "ACME servers need no address. Remove the key",
	"acme.cache":                   "certificates are kept in the folder acme in resume.directory. Move them there, or let the daemon get new ones, and remove the key",
	"channels[].reactions.message": "the fields are those that \"directus-ircd setup --reactions\" makes: message, text, user_created and date_created. Rename yours in Directus, and remove the key",
	"channels[].reactions.text":    "the fields are those that \"directus-ircd setup --reactions\" makes: message, text, user_created and date_created. Rename yours in Directus, and remove the key",
	"channels[].reactions.author":  "the fields are those that \"directus-ircd setup --reactions\" makes: message, text, user_created and date_created. Rename yours in Directus, and remove the key",
	"channels[].reactions.date":    "the fields are those that \"directus-ircd setup --reactions\" makes: message, text, user_created and date_created. Rename yours in Directus, and remove the key",
	"private.fields":               "the fields are those that \"directus-ircd setup --private\" makes: id, text, user_created, recipient, date_created and nonce. Rename yours in Directus, and remove the key",
	"read_markers.fields":          "the fields are those that \"directus-ircd setup --read-markers\" makes: target, date_read and user_created. Rename yours in Directus, and remove the key",
	"edits.merge":                  "a new text is shown when it has not changed for 5s. Remove the key",
	"edits.max_age":                "changes of messages that are older than 24h are not shown. Remove the key",
	"resume.max_messages":          "a device is shown the latest 1000 that it missed in a channel, or as many as the largest backlog. Remove the key, or raise backlog",
	"limits.reconnects_per_minute": "300 connections of one address may end within 10 s in a minute, the next ones wait. Remove the key, and limit them by connections_per_address",
	"limits.logins_at_once":        "Directus is asked for 8 logins at a time, and for fewer while it is slow. Remove the key",
	"limits.channels_per_client":   "a client may be in 100 channels, or in all that have auto_join. Remove the key",
	"limits.query_cost":            "a query counts for 3 lines. Remove the key, and slow clients down by lines_per_second and burst",
}

var index = regexp.MustCompile(`\[\d+\]`)

// removedKey returns what to say about a key that earlier releases accepted; empty for any
// other key.
func removedKey(path string) string { return removed[index.ReplaceAllString(path, "[]")] }
