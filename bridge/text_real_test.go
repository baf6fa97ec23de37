package bridge_test

import (
	"net/http"
	"testing"

	"directus-ircd/bridge/text"
	"directus-ircd/directus/directustest"
)

// furnishFiles gives the collection of messages a file and a list of files, as the
// Directus app makes them, and the chat role a right to the junction.
func furnishFiles(dx *directustest.Server) {
	type object = map[string]any
	post := func(path string, body object) { dx.Do(http.MethodPost, path, nil, body, nil) }
	relate := func(collection, field, to string, meta object) {
		post("/relations", object{"collection": collection, "field": field, "related_collection": to, "schema": object{}, "meta": meta})
	}
	post("/fields/"+dx.Collection, object{"field": "file", "type": "uuid", "meta": object{"special": []string{"file"}}, "schema": object{}})
	relate(dx.Collection, "file", "directus_files", object{})
	post("/collections", object{"collection": "messages_files", "meta": object{"hidden": true}, "schema": object{}, "fields": []object{
		{"field": "id", "type": "integer", "schema": object{"is_primary_key": true, "has_auto_increment": true}},
		{"field": "messages_id", "type": "integer", "schema": object{}},
		{"field": "directus_files_id", "type": "uuid", "schema": object{}},
	}})
	post("/fields/"+dx.Collection, object{"field": "files", "type": "alias", "meta": object{"special": []string{"files"}}})
	relate("messages_files", "messages_id", dx.Collection, object{"one_field": "files", "junction_field": "directus_files_id"})
	relate("messages_files", "directus_files_id", "directus_files", object{"junction_field": "messages_id"})
	allow(dx, "messages_files")
}

// allow gives the chat role the right to read a collection.
func allow(dx *directustest.Server, collection string) {
	var found []map[string]any
	dx.Do(http.MethodGet, "/permissions", map[string][]string{
		"filter[collection][_eq]": {dx.Collection}, "filter[action][_eq]": {"read"}, "limit": {"1"},
	}, nil, &found)
	permission := map[string]any{"collection": collection, "action": "read", "fields": []string{"*"}}
	for _, owner := range []string{"policy", "role"} {
		if id, ok := found[0][owner]; ok {
			permission[owner] = id
		}
	}
	dx.Do(http.MethodPost, "/permissions", nil, permission, nil)
}

// Formatted texts, mentions and files as Directus stores them and gives them.
func TestRichMessages(t *testing.T) {
	dx := ownServer(t)
	furnishFiles(dx)
	cat, dog := dx.Upload("my cat.txt"), dx.Upload("dog.txt")
	markdown, html := messages(dx.Collection), messages(dx.Collection)
	markdown.Format, markdown.MentionIDs, markdown.Fields.Files = text.Markdown, true, "files"
	html.Name, html.Format, html.Fields.Files = "#html", text.HTML, "file"
	s := start(t, dx, nil, markdown, html)
	ada, bob := dx.CreateUser("Ada", ""), dx.CreateUser("Bob", "")
	link := func(id string) string { return " <" + dx.URL + "/assets/" + id + ">" }
	a, _ := s.join(ada, "#messages")
	b, _ := s.join(bob, "#html")

	a.Send("PRIVMSG #messages :bob: \x02look\x02 at **this**, 2*3 = [x](y)")
	b.Expect(":Ada!*@directus PRIVMSG #html :@Bob: *")
	stored := dx.Messages("text")
	if got, want := stored[0]["text"], "@"+bob.ID+`: **look** at \*\*this\*\*, 2\*3 = \[x\](y)`; got != want {
		t.Errorf("stored %q, want %q", got, want)
	}
	dx.AddItem(ada, map[string]any{"text": "<p>one <strong>two</strong></p><p>@" + bob.ID + "</p>", "file": cat})
	b.Expect("* PRIVMSG #html :one \x02two\x02")
	b.Expect("* PRIVMSG #html :@Bob")
	b.Expect("* PRIVMSG #html :file" + link(cat)) // its name may not be read
	list := []map[string]any{{"directus_files_id": cat}, {"directus_files_id": dog}}
	allow(dx, "directus_files")
	dx.Do(http.MethodPost, "/items/"+dx.Collection, nil, map[string]any{"text": "**both**", "files": list}, nil)
	a.Expect("* PRIVMSG #messages :\x02both\x02")
	a.Expect("* PRIVMSG #messages :my cat.txt (10 B)" + link(cat))
	a.Expect("* PRIVMSG #messages :dog.txt (10 B)" + link(dog))
	// Without the right to the junction the message is there all the same.
	dx.Revoke("messages_files", "read")
	dx.AddItem(ada, map[string]any{"text": "no files"})
	a.Expect("* PRIVMSG #messages :no files")
	a.Refute("* PRIVMSG *")
}
