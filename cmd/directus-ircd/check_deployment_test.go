package main

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"
)

// What a real Directus is like is told: its limits, a collection that is one item or has
// versions, permissions by address, and who may make tokens and open files.
func TestCheckOfWhatDirectusIs(t *testing.T) {
	clearEnvironment(t)
	limit, refused := "4", "fifth realtime session"
	if os.Getenv(directustest.EnvDatabase) == directustest.Cluster { // each of whose two processes has the limit
		limit, refused = "2", ""
	}
	s := directustest.Start(t, directustest.Setup(setup.Options{Files: true}), directustest.Env("WEBSOCKETS_REST_CONN_LIMIT", limit),
		directustest.Env("RATE_LIMITER_ENABLED", "true"), directustest.Env("RATE_LIMITER_POINTS", "40"))
	u := s.CreateUser("Kevin", "")
	c := &checking{t, s, u.StaticToken, "messages", "UTC", false, ""}
	const files = ", fields: {nonce: nonce, files: file}"
	c.says(files, "MISSING  Directus refuses the "+refused, "raise WEBSOCKETS_REST_CONN_LIMIT",
		"note     Directus takes 40 requests in 1s from the daemon: about 480 people can log in per minute",
		"note     it is not known who can open links to files")
	s.Upload("pong.txt")
	c.says(files, "links to files open for those who are logged in")
	tells := !strings.HasPrefix(s.Version, "10.")
	if tells {
		c.says(files, "this user cannot make a static token")
		s.Do(http.MethodPost, "/permissions", nil, map[string]any{"policy": "abf8a154-5b1c-4a46-ac9c-7300570f4f17", "collection": "directus_files", "action": "read", "fields": []string{"*"}}, nil)
		c.says(files, "note     everybody who has the link to a file can open it")
	}
	s.Do(http.MethodPatch, "/collections/messages", nil, map[string]any{"meta": map[string]any{"versioning": true}}, nil)
	s.AddCollection("single", directustest.Key("id", "integer"), directustest.Field("text", "text"))
	s.Do(http.MethodPatch, "/collections/single", nil, map[string]any{"meta": map[string]any{"singleton": true}}, nil)
	holders := map[bool]string{true: "/policies", false: "/roles"}[tells]
	var chat []struct{ ID string }
	s.Do(http.MethodGet, holders, url.Values{"filter": {`{"name":{"_eq":"IRC users"}}`}}, nil, &chat)
	s.Do(http.MethodPatch, holders+"/"+chat[0].ID, nil, map[string]any{"ip_access": []string{"10.1.2.3"}}, nil)
	c.says(files, "MISSING  the collection messages is missing", "(IP Access)")
	c.token = directustest.AdminToken
	c.says(files, "note     messages is versioned", `note     "IRC users" holds only for the addresses 10.1.2.3`)
	c.collection = "single"
	c.says("", "MISSING  the collection single is a singleton")
}
