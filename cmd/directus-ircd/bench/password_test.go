package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/directus/setup"

	"golang.org/x/sync/errgroup"
)

// BenchmarkLoginByPassword is the time in which N users who come at once have joined a channel by their passwords, beside
// the time that Directus takes for the passwords alone, and, with Directus' rate limiter as it is by default, beside the
// time that the limit allows for as many requests as were answered. Whoever is refused fails it.
func BenchmarkLoginByPassword(b *testing.B) {
	for name, points := range map[string]int{"unlimited": 0, "limited": 50} {
		b.Run(name, func(b *testing.B) {
			options := []directustest.Option{directustest.DefaultHashes()}
			if points > 0 {
				options = append(options, directustest.Env("RATE_LIMITER_ENABLED", "true"))
			}
			s := directustest.Start(b, options...)
			people := passwords(s, 100)
			for range b.N {
				report(b, loginByPassword(b, s.URL, people, points))
			}
		})
	}
}

// passwords makes n users, and returns what each sends as PASS.
func passwords(s *directustest.Server, n int) []string {
	var users []map[string]any
	people := make([]string, n)
	for i := range people {
		email, password := fmt.Sprintf("typist%d@example.com", i), fmt.Sprintf("the password of typist %d", i)
		people[i] = ":" + email + ":" + password
		users = append(users, map[string]any{
			"email": email, "password": password, "first_name": fmt.Sprintf("Typist%d", i), "role": setup.RoleID, "status": "active",
		})
	}
	s.Do(http.MethodPost, "/users", nil, users, nil)
	return people
}

func loginByPassword(tb testing.TB, address string, people []string, points int) metrics {
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
