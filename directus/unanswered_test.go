package directus_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
)

// What a rule of a field, a Flow, a mandatory field or a key that has to be given refuses
// gets no answer over the socket, and the reason over REST. Nothing is stored or changed
// by either.
func TestUnansweredRefusals(t *testing.T) {
	everywhere(t, setting{own: true}, func(t *testing.T, w world) {
		w.rules()
		kept := w.post(w.person("Ada"), "kept")
		a := w.administrator()
		l := run(t, a)
		silent := func(what string, over func(context.Context) error) {
			t.Helper()
			l.up()
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			if err := over(ctx); !errors.Is(err, directus.ErrUnconfirmed) {
				t.Errorf("%s over the socket: %v", what, err)
			}
		}
		for _, c := range []struct{ collection, text, code string }{
			{"messages", "a " + directustest.InvalidWord + " text", directus.CodeFailedValidation},
			{"messages", directustest.ThrowingWord, directus.CodeInternal},
			{"ledger", "without what must be", directus.CodeFailedValidation},
			{"handmade", "without a key", directus.CodeFailedValidation},
		} {
			item := map[string]any{"text": c.text}
			silent(c.text, func(ctx context.Context) error {
				_, err := l.Create(ctx, c.collection, item, nil)
				return err
			})
			if err := a.CreateItem(t.Context(), c.collection, item, nil, nil); !directus.IsCode(err, c.code) {
				t.Errorf("%s over REST: %v", c.text, err)
			}
			var items []any
			must(t, a.Items(t.Context(), c.collection, directus.Query{}, &items))
			if len(items) > 1 || len(items) == 1 && c.collection != "messages" {
				t.Errorf("%s: stored %v", c.text, items)
			}
		}
		for text, code := range map[string]string{directustest.InvalidWord: directus.CodeFailedValidation, directustest.ThrowingWord: directus.CodeInternal} {
			changes := map[string]any{"text": text}
			silent("change to "+text, func(ctx context.Context) error {
				_, err := l.Update(ctx, "messages", kept, changes)
				return err
			})
			if err := a.UpdateItem(t.Context(), "messages", kept, changes, nil, nil); !directus.IsCode(err, code) {
				t.Errorf("change to %s over REST: %v", text, err)
			}
		}
		silent("delete", func(ctx context.Context) error { return l.Delete(ctx, "messages", kept) })
		if err := a.DeleteItem(t.Context(), "messages", kept); !directus.IsCode(err, directus.CodeInternal) {
			t.Errorf("delete over REST: %v", err)
		}
		if got := w.texts(); len(got) != 1 || got[0] != "kept" {
			t.Errorf("stored %q", got)
		}
	})
}
