package directus

import (
	"context"
	"fmt"
	"strings"
)

// Items reads a collection into out, a pointer to a slice. Keys may be 64-bit
// numbers: decode them into json.Number, json.RawMessage or a struct of yours;
// numbers inside of interface values become json.Number. Strings are cut at MaxString
// unless the query asks for whole ones. Unknown collections
// and missing rights are both CodeForbidden.
func (a *Account) Items(ctx context.Context, collection string, q Query, out any) error {
	path, err := itemsPath(collection)
	if err == nil {
		err = a.read(ctx, path, q, out)
	}
	if err != nil {
		return fmt.Errorf("read items of %s: %w", collection, err)
	}
	return nil
}

// itemsPath is the route of a collection; the system collections have their
// own (directus_files: /files).
func itemsPath(collection string) (string, error) {
	if system, ok := strings.CutPrefix(collection, "directus_"); ok && system != "" {
		return Path(system)
	}
	return Path("items", collection)
}
