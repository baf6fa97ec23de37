package bridge

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// messageID makes the msgid of an item: its key and the time of its creation,
// so that a position in the history can be recovered after the item is gone.
func messageID(r row) string {
	return safeID(r.id) + "." + strconv.FormatInt(r.date.UnixMilli(), 36)
}

// safeID keeps a key out of trouble in a tag or a parameter: a string key may
// hold anything.
func safeID(id string) string {
	var b strings.Builder
	for i := range len(id) {
		c := id[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' && i > 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// unsafeID is the inverse of safeID; ok is false for what safeID does not make.
func unsafeID(safe string) (id string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(safe); i++ {
		if safe[i] != '_' {
			b.WriteByte(safe[i])
			continue
		}
		if i+3 > len(safe) {
			return "", false
		}
		c, err := strconv.ParseUint(safe[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(c))
		i += 2
	}
	id = b.String()
	return id, id != "" && safeID(id) == safe
}

// parseMessageID reads a msgid of messageID, or of an edit: the same with a
// further part ".e" and what tells the edits of a message apart, which names the
// same message. It says nothing about whether there is such a message. ok is
// false for what is not of this daemon, or of a later one.
func parseMessageID(msgid string) (id string, date time.Time, ok bool) {
	parts := strings.Split(msgid, ".")
	if len(parts) == 3 && len(parts[2]) > 1 && parts[2][0] == 'e' && isBase36(parts[2][1:]) {
		parts = parts[:2]
	}
	if len(parts) != 2 {
		return "", time.Time{}, false
	}
	id, ok = unsafeID(parts[0])
	ms, err := strconv.ParseInt(parts[1], 36, 64)
	if !ok || err != nil || strconv.FormatInt(ms, 36) != parts[1] {
		return "", time.Time{}, false
	}
	date = time.UnixMilli(ms).UTC()
	return id, date, date.Year() >= 1 && date.Year() <= 9999
}

// originalID is the msgid of the message that a msgid names a version of.
func originalID(msgid string) string {
	if parts := strings.Split(msgid, "."); len(parts) == 3 {
		return parts[0] + "." + parts[1]
	}
	return msgid
}

func isBase36(s string) bool {
	return strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyz") == ""
}
