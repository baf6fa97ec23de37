package directus

import (
	"encoding/json"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A frame is one message of Directus on a socket. Its data is not decoded yet, as it
// depends on the kind.
type frame struct {
	kind   string // "type": auth, items, subscription, subscribe, ping, pong, server, license
	event  string // of a subscription: init, unsubscribe, create, update, delete
	uid    string // as a string, whatever JSON type Directus sent; empty: none
	status string // ok or error, or empty
	data   json.RawMessage
	err    *Error // nil unless status is error
}

// decodeFrame decodes a frame. Its errors quote nothing of the frame.
func decodeFrame(b []byte) (frame, error) {
	var raw struct {
		Type   string          `json:"type"`
		Event  string          `json:"event"`
		UID    json.RawMessage `json:"uid"`
		Status string          `json:"status"`
		Data   json.RawMessage `json:"data"`
		Error  *struct {
			Code    string `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		return frame{}, errors.New("not a frame of directus")
	}
	f := frame{kind: raw.Type, event: raw.Event, uid: keyString(raw.UID), status: raw.Status, data: raw.Data}
	if raw.Status == "error" || raw.Error != nil {
		f.err = &Error{Message: "error frame without a code"}
		if raw.Error != nil {
			f.err = &Error{Code: raw.Error.Code, Message: raw.Error.Message}
		}
		if f.err.Code == CodeRequestsExceeded {
			f.err.RetryAfter = retryText(f.err.Message)
		}
	}
	return f, nil
}

// keyString is a uid or primary key as a string: Directus sends the same key as 3 or
// as "3".
func keyString(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return strings.TrimSpace(string(raw))
}

// items decodes the data of a create or update event.
func (f frame) items() ([]json.RawMessage, bool) {
	var items []json.RawMessage
	if json.Unmarshal(f.data, &items) != nil {
		return nil, false
	}
	return items, true
}

// keys decodes the data of a delete event.
func (f frame) keys() ([]string, bool) {
	items, ok := f.items()
	if !ok {
		return nil, false
	}
	keys := make([]string, 0, len(items))
	for _, raw := range items {
		keys = append(keys, keyString(raw))
	}
	return keys, true
}

var retryPattern = regexp.MustCompile(`retry after (\d{1,9})\s*ms`)

// retryText reads how long to wait out of "Too many messages, retry after 1997ms.":
// Directus says it nowhere else. The result is between 0 and maxDelay; it is a second
// if the text does not say.
func retryText(message string) time.Duration {
	m := retryPattern.FindStringSubmatch(message)
	if m == nil {
		return time.Second
	}
	ms, err := strconv.Atoi(m[1])
	if err != nil {
		return time.Second
	}
	return min(time.Duration(ms)*time.Millisecond, maxDelay)
}
