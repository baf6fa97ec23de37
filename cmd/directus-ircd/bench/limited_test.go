package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"

	"golang.org/x/sync/errgroup"
)

// BenchmarkLoginLimited is the time in which a hundred users who come at once have joined a channel: by their passwords,
// beside the time that Directus takes for the passwords alone; and with Directus' rate limiter as it is by default, by
// passwords and by tokens, beside the time that the limit allows for as many requests as were answered. A password costs
// more processor time than the limit does. Whoever is refused fails it.
func BenchmarkLoginLimited(b *testing.B) {
	for _, test := range []struct {
		name   string
		tokens bool
		points int // requests a second; 0: no limit
	}{{"password", false, 0}, {"password-limited", false, 50}, {"token-limited", true, 50}} {
		b.Run(test.name, func(b *testing.B) {
			options := []directustest.Option{directustest.DefaultHashes()}
			if test.points > 0 {
				options = append(options, directustest.Env("RATE_LIMITER_ENABLED", "true"))
			}
			s := directustest.Start(b, options...)
			people := typists(s, 100, test.tokens)
			for range b.N {
				report(b, loginLimited(b, s.URL, people, test.points))
			}
		})
	}
}

// typists makes n users with passwords, or with tokens, and returns what each sends as PASS.
func typists(s *directustest.Server, n int, tokens bool) []string {
	var users []map[string]any
	people := make([]string, n)
	for i := range people {
		email := fmt.Sprintf("typist%d@example.com", i)
		user := map[string]any{"email": email, "first_name": fmt.Sprintf("Typist%d", i), "role": setup.RoleID, "status": "active"}
		if tokens {
			people[i] = fmt.Sprintf("token-of-typist-%d", i)
			user["token"] = people[i]
		} else {
			user["password"] = fmt.Sprintf("the password of typist %d", i)
			people[i] = fmt.Sprintf(":%s:%s", email, user["password"])
		}
		users = append(users, user)
	}
	for some := range slices.Chunk(users, 5) { // each password takes Directus its time, and a request has a deadline
		s.Do(http.MethodPost, "/users", nil, some, nil)
	}
	return people
}

func loginLimited(tb testing.TB, address string, people []string, points int) metrics {
	m := metrics{}
	if points == 0 {
		m["argon2-ms"] = milliseconds(bareLogins(tb, address, people))
	}
	counted, answered := countAnswers(tb, address)
	d := startDaemon(tb, counted)
	start := time.Now()
	irc := startReaders(tb, people, ircReader(d.addr))
	took := time.Since(start)
	irc.close()
	m["irc-ms"], m["requests"] = milliseconds(took), float64(answered.Load())
	if points == 0 {
		m["irc/argon2"] = m["irc-ms"] / m["argon2-ms"]
	} else {
		m["limit-ms"] = float64(answered.Load()) / float64(points) * 1000
		m["irc/limit"] = m["irc-ms"] / m["limit-ms"]
	}
	return m
}

// bareLogins is the time that Directus takes to answer the logins alone.
func bareLogins(tb testing.TB, address string, people []string) time.Duration {
	start := time.Now()
	var group errgroup.Group
	group.SetLimit(atOnce)
	for _, pass := range people {
		group.Go(func() error {
			email, password, _ := bytes.Cut([]byte(pass[1:]), []byte(":"))
			body, err := json.Marshal(map[string]string{"email": string(email), "password": string(password)})
			if err != nil {
				return err
			}
			answer, err := http.Post(address+"/auth/login", "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			if answer.StatusCode != http.StatusOK {
				return fmt.Errorf("a login was answered with %s", answer.Status)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
	return time.Since(start)
}

// countAnswers starts a proxy in front of Directus that counts the answers that the limiter lets through.
func countAnswers(tb testing.TB, address string) (string, *atomic.Int64) {
	target, err := url.Parse(address)
	if err != nil {
		tb.Fatal(err)
	}
	var answered atomic.Int64
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: func(r *http.Response) error {
			if r.StatusCode != http.StatusTooManyRequests {
				answered.Add(1)
			}
			return nil
		},
	})
	tb.Cleanup(server.Close)
	return server.URL, &answered
}
