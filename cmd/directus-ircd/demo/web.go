package demo

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"github.com/rs/zerolog"
)

//go:embed web
var webFiles embed.FS

// webPolicy lets the page load and reach nothing but its own server. Older
// Safaris do not take 'self' for a WebSocket, so ws: is named beside it.
const webPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ws:; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// chatPage is what the page shows that Directus does not know.
type chatPage struct {
	Login  user   // filled in
	Others []user // with a button each
	// Members are the nicks of those who are in the room with a key on IRC. It may be nil.
	Members func(key string) []string
}

// webHandler serves the chat page, and under /directus/ what the page needs of
// Directus. The browser thus sees one origin: no CORS has to be configured, and
// the page works under whatever name and port it is reached.
func webHandler(directus *url.URL, page chatPage, logger zerolog.Logger) (http.Handler, error) {
	files, err := fs.Sub(webFiles, "web")
	if err != nil {
		return nil, fmt.Errorf("open the embedded page: %w", err)
	}
	index, err := renderIndex(files, page)
	if err != nil {
		return nil, fmt.Errorf("open the embedded page: %w", err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(directus)
			// Directus 12 refuses a WebSocket whose Origin is not its Host: it
			// has to see the host that the browser saw.
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			logger.Debug().Err(err).Msg("the chat page cannot reach directus")
			directusUnavailable(w)
		},
		ErrorLog: log.New(logger, "", 0),
	}
	mux := http.NewServeMux()
	mux.Handle("GET /{$}", pageHeaders(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(index) // an error is the browser's loss of interest
	})))
	mux.Handle("GET /members", pageHeaders(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nicks := []string{} // not null
		if page.Members != nil {
			nicks = append(nicks, page.Members(r.URL.Query().Get("room"))...)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(nicks)
	})))
	mux.Handle("GET /", pageHeaders(http.FileServerFS(files)))
	for _, pattern := range []string{
		"POST /directus/auth/login", "POST /directus/auth/refresh", "POST /directus/auth/logout",
		"GET /directus/users/me", "GET /directus/websocket",
	} {
		mux.Handle(pattern, http.StripPrefix("/directus", proxy))
	}
	return mux, nil
}

func renderIndex(files fs.FS, page chatPage) ([]byte, error) {
	index, err := template.ParseFS(files, "index.html")
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = index.Execute(&text, page)
	return text.Bytes(), err
}

func pageHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", webPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		// The embedded files carry no date: a newer program must not meet the
		// older one's script in a browser's cache.
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// directusUnavailable answers as Directus itself does when it cannot work.
func directusUnavailable(w http.ResponseWriter) {
	type problem struct {
		Message    string            `json:"message"`
		Extensions map[string]string `json:"extensions"`
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusBadGateway)
	// An error of this write is the browser's loss of interest.
	_ = json.NewEncoder(w).Encode(map[string][]problem{"errors": {{
		Message:    "Directus does not answer.",
		Extensions: map[string]string{"code": "SERVICE_UNAVAILABLE"},
	}}})
}

// serveWeb serves the page on ln until ctx ends. Connections that browsers hold
// open end with it.
func serveWeb(ctx context.Context, ln net.Listener, handler http.Handler, logger zerolog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ErrorLog:          log.New(logger, "", 0),
	}
	closed := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() { closed <- server.Close() })
	err := server.Serve(ln)
	if stop() {
		return fmt.Errorf("serve the chat page: %w", err)
	}
	if err := <-closed; err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close the chat page: %w", err)
	}
	return nil
}
