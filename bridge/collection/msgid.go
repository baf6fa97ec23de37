package collection

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MessageID returns the msgid of an item: its key and its date, so that its place in the
// history can be found when the item no longer exists.
func MessageID(r Row) string {
	return safeID(r.ID) + "." + strconv.FormatInt(r.Date.UnixMilli(), 36)
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

// UnsafeID is the inverse of safeID; ok is false for anything that safeID cannot return.
func UnsafeID(safe string) (id string, ok bool) {
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

// ParseMessageID reads a msgid made by MessageID, or that of a later version of the
// message: the same with a further part that begins with "e" and tells versions apart.
// Several such parts are accepted, as earlier releases made them. The message need not
// exist. ok is false for a msgid that this daemon does not make.
func ParseMessageID(msgid string) (id string, date time.Time, ok bool) {
	parts := strings.Split(msgid, ".")
	if len(parts) < 2 || slices.ContainsFunc(parts[2:], isNoVersion) {
		return "", time.Time{}, false
	}
	id, ok = UnsafeID(parts[0])
	ms, err := strconv.ParseInt(parts[1], 36, 64)
	if !ok || err != nil || strconv.FormatInt(ms, 36) != parts[1] {
		return "", time.Time{}, false
	}
	date = time.UnixMilli(ms).UTC()
	return id, date, date.Year() >= 1 && date.Year() <= 9999
}

func isNoVersion(part string) bool {
	return len(part) < 2 || part[0] != 'e' || strings.Trim(part[1:], "0123456789abcdefghijklmnopqrstuvwxyz") != ""
}

// OriginalID returns the msgid of a message from the msgid of any version of it.
func OriginalID(msgid string) string {
	if parts := strings.SplitN(msgid, ".", 3); len(parts) == 3 {
		return parts[0] + "." + parts[1]
	}
	return msgid
}
