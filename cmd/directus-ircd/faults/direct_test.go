package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"directus-ircd/directus/directustest"
)

// directTimeout is how long a writer without the daemon waits for an answer.
const directTimeout = 5 * time.Second

// directWriter is somebody in a web app: it writes to Directus itself, and sends each message with a nonce until it is
// stored.
type directWriter struct {
	world *world
	name  string
	user  directustest.User
	n     int
	send  func(ctx context.Context, w *directWriter, collection string, item map[string]string) error
	ws    *websocket.Conn // of a writer over WebSocket; nil while there is none
}

// errStored says that an item was stored by an earlier attempt.
var errStored = errors.New("stored before")

func (w *directWriter) run(ctx context.Context) {
	defer func() {
		if w.ws != nil {
			w.ws.Close()
		}
	}()
	for w.world.writing.Err() == nil && ctx.Err() == nil {
		begin := time.Now()
		w.n++
		k := key{w.name, w.n}
		w.deliver(ctx, k, channelOf(k))
		pause(ctx, max(pace, min(time.Since(begin), 10*pace)))
	}
}

// deliver tries until the message is stored or ctx ends.
func (w *directWriter) deliver(ctx context.Context, k key, channel string) {
	w.world.book.ask(k, channel)
	item := map[string]string{"text": k.text(), "nonce": fmt.Sprintf("%s/%d", k.writer, k.n)}
	if channel == "#staff" {
		item["room"] = roomOfStaff
	}
	for {
		err := w.send(ctx, w, collectionOf(channel), item)
		if err == nil || errors.Is(err, errStored) {
			w.world.book.know(k, stored)
			return
		}
		if ctx.Err() != nil {
			w.world.book.know(k, unheard)
			return
		}
		pause(ctx, retryPause)
	}
}

// whisper stores a message in the quiet channel.
func (w *world) whisper(ctx context.Context) {
	w.quiet.n++
	w.quiet.deliver(ctx, key{w.quiet.name, w.quiet.n}, quiet)
}

// byREST posts an item.
func byREST(ctx context.Context, w *directWriter, collection string, item map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, directTimeout)
	defer cancel()
	body, err := json.Marshal(item)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.world.dx.URL+"/items/"+collection, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+w.user.StaticToken)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	switch {
	case err != nil:
		return err
	case bytes.Contains(answer, []byte("RECORD_NOT_UNIQUE")):
		return errStored
	case resp.StatusCode/100 != 2:
		return fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return nil
}

// byWebSocket creates an item on a socket.
func byWebSocket(ctx context.Context, w *directWriter, collection string, item map[string]string) (err error) {
	defer func() {
		if err != nil && !errors.Is(err, errStored) && w.ws != nil {
			w.ws.Close()
			w.ws = nil
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, directTimeout)
	defer cancel()
	if w.ws == nil {
		to := strings.Replace(w.world.dx.URL, "http", "ws", 1) + "/websocket?access_token=" + url.QueryEscape(w.user.StaticToken)
		if w.ws, _, err = websocket.DefaultDialer.DialContext(ctx, to, nil); err != nil {
			return err
		}
	}
	deadline, _ := ctx.Deadline()
	if err := errors.Join(w.ws.SetReadDeadline(deadline), w.ws.SetWriteDeadline(deadline)); err != nil {
		return err
	}
	uid := item["nonce"]
	err = w.ws.WriteJSON(map[string]any{"type": "items", "action": "create", "collection": collection, "data": item, "uid": uid})
	if err != nil {
		return err
	}
	for {
		var frame struct {
			Type, Status, UID string
			Error             struct{ Code string }
		}
		if err := w.ws.ReadJSON(&frame); err != nil {
			return err
		}
		switch {
		case frame.Type == "ping":
			if err := w.ws.WriteJSON(map[string]any{"type": "pong"}); err != nil {
				return err
			}
		case frame.Type != "items": // of no request
		case frame.Error.Code == "RECORD_NOT_UNIQUE":
			return errStored
		case frame.Status == "error":
			return errors.New(frame.Error.Code)
		case frame.UID == uid:
			return nil
		}
	}
}
