package directustest

import (
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// Words that make Server.Refuse and Refuses refuse an item.
const (
	// InvalidWord does not pass the validation of the field "text".
	InvalidWord = "forbidden"
	// ThrowingWord makes a Flow throw.
	ThrowingWord = "poison"
)

// Refuses is a FakeCollection.Refuses with the same effect as Server.Refuse.
func Refuses(action string, item map[string]any) (code string) {
	text, _ := item["text"].(string)
	switch {
	case action == "delete" || strings.Contains(text, ThrowingWord):
		return "INTERNAL_SERVER_ERROR"
	case strings.Contains(text, InvalidWord):
		return "FAILED_VALIDATION"
	}
	return ""
}

// Refuse makes a collection refuse texts with InvalidWord by validation, and texts with ThrowingWord and every deletion by
// a Flow that throws. Directus sends no answer to such a request on a socket.
func (s *Server) Refuse(collection string) {
	s.t.Helper()
	s.Do(http.MethodPatch, "/fields/"+collection+"/text", nil, map[string]any{"meta": map[string]any{
		"validation": map[string]any{"_and": []any{map[string]any{"text": map[string]any{"_ncontains": InvalidWord}}}},
	}}, nil)
	s.flow(collection, `if (JSON.stringify(data.$trigger.payload).includes("`+ThrowingWord+`")) { throw new Error("no"); } return data.$trigger.payload;`, "items.create", "items.update")
	s.flow(collection, `throw new Error("never");`, "items.delete")
}

// flow adds a Flow that runs a script before something happens to items of a collection.
func (s *Server) flow(collection, script string, events ...string) {
	s.t.Helper()
	var flow, run struct{ ID string }
	s.Do(http.MethodPost, "/flows", nil, map[string]any{"name": "runs a script", "status": "active", "trigger": "event", "options": map[string]any{
		"type": "filter", "scope": events, "collections": []string{collection}, "return": "$last",
	}}, &flow)
	s.Do(http.MethodPost, "/operations", nil, map[string]any{
		"flow": flow.ID, "key": "run", "name": "run", "type": "exec", "position_x": 1, "position_y": 1,
		"options": map[string]any{"code": "module.exports = async function(data) { " + script + " }"},
	}, &run)
	s.Do(http.MethodPatch, "/flows/"+flow.ID, nil, map[string]any{"operation": run.ID}, nil)
}

// AddCollection makes a collection. The chat role has no rights in it until Grant.
func (s *Server) AddCollection(name string, fields ...map[string]any) {
	s.t.Helper()
	s.Do(http.MethodPost, "/collections", nil, map[string]any{
		"collection": name, "meta": map[string]any{}, "schema": map[string]any{}, "fields": fields,
	}, nil)
}

// Grant gives the chat role rights to all items of a collection, such as "read".
func (s *Server) Grant(collection string, actions ...string) {
	s.t.Helper()
	s.GrantItems(collection, nil, actions...)
}

// GrantItems is Grant for the items that match a filter: a rule that Directus 12 refuses without a licence.
func (s *Server) GrantItems(collection string, items map[string]any, actions ...string) {
	s.t.Helper()
	owner, found := s.owner(), s.permissions(s.Collection, "create")
	if len(found) == 0 {
		s.t.Fatalf("nobody may write to %s", s.Collection)
	}
	for _, action := range actions {
		s.Do(http.MethodPost, "/permissions", nil, map[string]any{
			owner: found[0][owner], "collection": collection, "action": action, "fields": []string{"*"}, "permissions": items,
		}, nil)
	}
}

// permissions are those of roles or policies for an action on a collection.
func (s *Server) permissions(collection, action string) (found []map[string]any) {
	s.t.Helper()
	s.Do(http.MethodGet, "/permissions", url.Values{
		"limit": {"-1"}, "filter[collection][_eq]": {collection}, "filter[action][_eq]": {action},
		"filter[" + s.owner() + "][_nnull]": {"true"},
	}, nil, &found)
	return found
}

// owner is the name of the field that says to whom a permission belongs.
func (s *Server) owner() string {
	if strings.HasPrefix(s.Version, "10.") {
		return "role"
	}
	return "policy"
}

// AddField adds a field to a collection.
func (s *Server) AddField(collection string, field map[string]any) {
	s.t.Helper()
	s.Do(http.MethodPost, "/fields/"+collection, nil, field, nil)
}

// Field describes a field for AddCollection and AddField: its name, Directus' type, and the parts of its schema, such as
// {"is_nullable": false}.
func Field(name, kind string, schema ...map[string]any) map[string]any {
	column := map[string]any{}
	for _, part := range schema {
		maps.Copy(column, part)
	}
	return map[string]any{"field": name, "type": kind, "meta": map[string]any{}, "schema": column}
}

// Special adds a special such as "user-created" to a field, so that Directus fills it in.
func Special(special string, field map[string]any) map[string]any {
	field["meta"] = map[string]any{"special": []string{special}}
	return field
}

// Key describes a primary key of a type. Directus generates keys of type uuid, the database those of type integer.
func Key(name, kind string) map[string]any {
	field := Field(name, kind, map[string]any{"is_primary_key": true, "has_auto_increment": kind == "integer"})
	if kind == "uuid" {
		return Special("uuid", field)
	}
	return field
}
