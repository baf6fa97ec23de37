package directustest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/google/uuid"
)

// FakeCollection describes a collection of a Fake. Beside Fields it has a primary key,
// date_created and user_created.
type FakeCollection struct {
	Fields      []string
	Key         string            // name of the primary key; default "id"
	FoldedKeys  bool              // text keys are sorted by a collation that ignores case
	UUIDKey     bool              // the key is a UUID that clients may choose, not a number
	Unique      []string          // fields whose values are unique
	MaxLength   map[string]int    // in code points
	Relations   map[string]string // many-to-one field: its collection; user_created is always one
	Lists       map[string]string // one-to-many field: "collection.field" of the many-to-one field that points back
	DateUpdated string            // field that Directus sets at each update; empty: none
	Dates       DateKind          // kind of the dates that Directus fills in, and of DateFields
	DateFields  []string          // date fields that clients fill in
	Mandatory   []string          // fields that are not null and have no default
	ByHand      bool              // the key has to be given
	// Refuses plays the validation of a field or a Flow that refuses to create, update or
	// delete an item. It gets the item as it would be stored, or as it is before a delete,
	// and returns FAILED_VALIDATION, INTERNAL_SERVER_ERROR, or an empty string to accept it.
	Refuses func(action string, item map[string]any) (code string)
}

// usersCollection is the collection of the users. Its items are made of Fake.users.
const usersCollection = "directus_users"

type collection struct {
	FakeCollection
	name   string
	items  []map[string]any
	index  index
	lastID int64
}

// A permission is what may be denied: user, collection, action.
type permission struct{ user, collection, action string }

// An apiError is a refusal, on REST and on sockets. Functions that may refuse return it as an error.
type apiError struct {
	status        int
	code, message string
	extensions    map[string]any
	silent        bool // a socket sends no answer, as Directus does; REST does answer
}

func (e *apiError) Error() string { return e.code + ": " + e.message }

func forbidden() *apiError {
	return &apiError{status: 403, code: "FORBIDDEN", message: "You don't have permission to access this."}
}

func invalid(code, message string) *apiError {
	return &apiError{status: 400, code: code, message: message}
}

func wrongCredentials() *apiError {
	return &apiError{status: 401, code: "INVALID_CREDENTIALS", message: "Invalid user credentials."}
}

// failed is a refusal by Directus itself, before the database sees the item, or by a Flow.
func failed(code, message string) *apiError {
	e := &apiError{status: 400, code: code, message: message, silent: true}
	if code == "INTERNAL_SERVER_ERROR" {
		e.status, e.message = 500, "An unexpected error occurred."
	}
	return e
}

// everyone is the identity with all rights; the empty string is the public
// role, which has none.
const everyone = "*"

// keyText is a key or uid as a string; empty for null.
func keyText(v any) string {
	if v == nil {
		return ""
	}
	return textOf(v)
}

// may reports whether a user has a right. Callers hold mu.
func (f *Fake) may(user, collection, action string) bool {
	if user == everyone {
		return true
	}
	u := f.users[user]
	if u == nil {
		return false
	}
	return u.Admin || !f.denied[permission{user, collection, action}]
}

// create stores an item as a user, without its event. Callers hold mu.
func (f *Fake) create(name, user string, data map[string]any) (map[string]any, error) {
	c := f.collections[name]
	if c == nil || name == usersCollection || !f.may(user, name, "create") {
		return nil, forbidden()
	}
	if allowed, limited := f.fields[permission{user, name, "create"}]; limited {
		for field := range data {
			if !slices.Contains(allowed, field) {
				return nil, forbidden()
			}
		}
	}
	item := map[string]any{}
	for _, field := range c.Fields {
		item[field] = f.taken(c, field, data[field])
	}
	if c.ByHand && data[c.Key] == nil {
		return nil, required(c.Key)
	}
	if err := c.check("create", item, nil); err != nil {
		return nil, err
	}
	switch key := data[c.Key].(type) {
	case nil:
		c.lastID++
		item[c.Key] = json.Number(strconv.FormatInt(c.lastID, 10))
		if c.UUIDKey {
			item[c.Key] = uuid.NewString()
		}
	case json.Number:
		if n, err := key.Int64(); err == nil {
			c.lastID = max(c.lastID, n)
		}
	}
	item["date_created"] = c.Dates.stored(f.shown(f.now(), c.Dates))
	item["user_created"] = nil
	if user != everyone {
		item["user_created"] = user
	}
	if f.onStore != nil {
		f.onStore(name, item)
	}
	c.items = append(c.items, item)
	return item, nil
}

// refused is the refusal of an action by FakeCollection.Refuses, or nil.
func (c *collection) refused(action string, item map[string]any) error {
	if c.Refuses == nil {
		return nil
	}
	if code := c.Refuses(action, item); code != "" {
		return failed(code, `Validation failed for field "text".`)
	}
	return nil
}

func required(field string) *apiError {
	return failed("FAILED_VALIDATION", fmt.Sprintf("Validation failed for field %q. Value is required.", field))
}

// check checks an item against the rules of its collection. self is the stored item
// that it replaces, or nil.
func (c *collection) check(action string, item, self map[string]any) error {
	for _, field := range c.Mandatory {
		if item[field] == nil {
			return required(field)
		}
	}
	if err := c.refused(action, item); err != nil {
		return err
	}
	for field, limit := range c.MaxLength {
		if s, ok := item[field].(string); ok && utf8.RuneCountInString(s) > limit {
			return invalid("VALUE_TOO_LONG", fmt.Sprintf("Value %q for field %q in collection %q is too long.", s, field, c.name))
		}
	}
	for _, field := range append([]string{c.Key}, c.Unique...) {
		if item[field] == nil {
			continue
		}
		for _, other := range c.items {
			if equal(other[field], item[field]) && (self == nil || keyText(other[c.Key]) != keyText(self[c.Key])) {
				return invalid("RECORD_NOT_UNIQUE",
					fmt.Sprintf("Value %q for field %q in collection %q has to be unique.", fmt.Sprint(item[field]), field, c.name))
			}
		}
	}
	return nil
}

// update changes one item as a user and sends the event. Callers hold mu.
func (f *Fake) update(name, user, id string, changes map[string]any) (map[string]any, error) {
	item, err := f.change(name, user, id, changes)
	if err == nil {
		f.emit(name, "update", []map[string]any{item}, nil)
	}
	return item, err
}

// change is update without the event. Callers hold mu.
func (f *Fake) change(name, user, id string, changes map[string]any) (map[string]any, error) {
	item, err := f.find(name, user, "update", id)
	if err != nil {
		return nil, err
	}
	c := f.collections[name]
	changed := maps.Clone(item)
	for _, field := range c.Fields {
		if v, ok := changes[field]; ok && field != "user_created" {
			changed[field] = f.taken(c, field, v)
		}
	}
	if err := c.check("update", changed, item); err != nil {
		return nil, err
	}
	if c.DateUpdated != "" {
		changed[c.DateUpdated] = c.Dates.stored(f.now())
	}
	c.look().remove(c.Key, item)
	maps.Copy(item, changed)
	c.index.add(c.Key, item)
	return item, nil
}

// remove deletes one item as a user and sends the event with the key as given.
// Callers hold mu.
func (f *Fake) remove(name, user, id string, key any) error {
	if err := f.drop(name, user, id); err != nil {
		return err
	}
	f.emit(name, "delete", nil, []any{key})
	return nil
}

// drop is remove without the event. Callers hold mu.
func (f *Fake) drop(name, user, id string) error {
	item, err := f.find(name, user, "delete", id)
	if err != nil {
		return err
	}
	c := f.collections[name]
	if err := c.refused("delete", item); err != nil {
		return err
	}
	c.look().remove(c.Key, item)
	c.items = slices.DeleteFunc(c.items, func(it map[string]any) bool { return keyText(it[c.Key]) == id })
	return nil
}

// find is an item that a user may act on. Callers hold mu.
func (f *Fake) find(name, user, action, id string) (map[string]any, error) {
	c := f.collections[name]
	if c == nil || !f.may(user, name, action) {
		return nil, forbidden()
	}
	if it := c.look().keys[id]; it != nil && f.visible(name, user, it) {
		return it, nil
	}
	return nil, forbidden()
}

// visible reports whether an item passes the user's restriction on reading.
// Callers hold mu.
func (f *Fake) visible(name, user string, item map[string]any) bool {
	return f.sight(name, user)(item)
}

// sight returns a function that does the same as visible, and is faster for many items.
// Callers hold mu.
func (f *Fake) sight(name, user string) func(item map[string]any) bool {
	rule := f.restricted[permission{user, name, "read"}]
	if rule == nil {
		return func(map[string]any) bool { return true }
	}
	match := f.compile(name, user, rule)
	return func(item map[string]any) bool {
		ok, err := match(item)
		return ok && err == nil
	}
}

// userItem is a user as an item of directus_users. Callers hold mu.
func (u *FakeUser) userItem() map[string]any {
	null := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	item := map[string]any{
		"id": u.ID, "email": null(u.Email), "first_name": null(u.FirstName), "last_name": null(u.LastName),
		"status": u.Status, "role": null(u.Role), "avatar": nil, "title": nil, "description": nil,
		"location": nil, "last_access": nil, "password": "**********", "token": nil,
	}
	if u.Token != "" {
		item["token"] = "**********"
	}
	for k, v := range u.Extra {
		item[k] = normal(v)
	}
	return item
}

// rows are all items of a collection. Callers hold mu.
func (f *Fake) rows(name string) []map[string]any {
	if name != usersCollection {
		return f.collections[name].items
	}
	var rows []map[string]any
	for _, id := range slices.Sorted(maps.Keys(f.users)) {
		rows = append(rows, f.users[id].userItem())
	}
	return rows
}
