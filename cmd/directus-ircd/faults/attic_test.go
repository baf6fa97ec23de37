package faults

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// The items of #staff have a room, which its filter names and its set gives them. What is in the attic is of no channel.
const (
	roomOfStaff = "staff"
	attic       = "attic"
)

// addRooms gives the collection of #staff its field.
func (w *world) addRooms() {
	w.t.Helper()
	w.dx.Do(http.MethodPost, "/fields/staff", nil, map[string]any{"field": "room", "type": "string", "schema": map[string]any{}, "meta": map[string]any{}}, nil)
}

// fillAttic writes into the attic until the writers end, so rarely that what is in #staff has to come in its order.
func (w *world) fillAttic(ctx context.Context) {
	for n := 1; w.writing.Err() == nil; n++ {
		item := map[string]any{"text": key{attic, n}.text(), "room": attic}
		limited, cancel := context.WithTimeout(ctx, directTimeout)
		if w.dx.Admin().Do(limited, http.MethodPost, "/items/staff", nil, item, nil) == nil {
			w.book.met(filteredOut)
		}
		cancel()
		pause(ctx, 5*slowPace)
	}
}

// lookAtCache notes whether the cache of Directus tells what is not true any more: asked in the same words each time, as
// package directus never does.
func (w *world) lookAtCache(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, directTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, w.dx.URL+"/items/"+collectionOf(marked)+"?fields=id&sort=-id&limit=1", nil)
	if err != nil {
		w.fail("ask the cache: %v", err)
		return
	}
	req.Header.Set("Authorization", "Bearer "+w.quiet.user.StaticToken)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	var cached, newest struct{ Data []struct{ ID json.Number } }
	if json.NewDecoder(resp.Body).Decode(&cached) != nil || len(cached.Data) == 0 {
		return
	}
	query := url.Values{"fields": {"id"}, "sort": {"-id"}, "limit": {"1"}}
	if w.dx.Admin().Do(ctx, http.MethodGet, "/items/"+collectionOf(marked), query, nil, &newest.Data) == nil && len(newest.Data) > 0 && newest.Data[0].ID != cached.Data[0].ID {
		w.book.met(staleCache)
	}
}
