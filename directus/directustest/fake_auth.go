package directustest

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"directus-ircd/directus"
)

// A grant says whose an access token is, and when it expires.
type grant struct {
	user    string
	expires time.Time
}

// share is the prefix of a grant's user when the token is that of a share.
const share = "share:"

// AddShare adds the access token of a share, which is valid but belongs to no user.
func (f *Fake) AddShare(token string) {
	f.locked(func() { f.access[token] = grant{user: share + token, expires: time.Now().Add(24 * time.Hour)} })
}

// maxAttempts is the default of the setting auth_login_attempts. One more failed
// login suspends the user.
const maxAttempts = 25

// bearer returns the user of a request; an empty string if it has no token. Callers
// hold mu.
func (f *Fake) bearer(r *http.Request) (string, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return "", nil
	}
	g, err := f.authorize(token)
	if err != nil {
		return "", err
	}
	return g.user, nil
}

// authorize resolves an access token or a static token. Callers hold mu.
func (f *Fake) authorize(token string) (grant, error) {
	if g, ok := f.access[token]; ok {
		if !time.Now().Before(g.expires) {
			return grant{}, &apiError{status: 401, code: "TOKEN_EXPIRED", message: "Token expired."}
		}
		return g, nil
	}
	for _, u := range f.users {
		if token != "" && u.Token == token && u.Status == "active" {
			return grant{user: u.ID}, nil
		}
	}
	return grant{}, wrongCredentials()
}

// Directory says whether the directory behind providers of the driver ldap answers.
func (f *Fake) Directory(answers bool) { f.locked(func() { f.noDirectory = !answers }) }

// Lock makes the directory refuse every password of a user, by a result code that Directus
// passes on as if the directory were out of order.
func (f *Fake) Lock(identifier string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, u := range f.users {
		u.Locked = u.Locked || u.Identifier == identifier
	}
}

// errDirectory is what Directus answers when LDAP fails, be it for good.
var errDirectory = &apiError{status: 503, code: "SERVICE_UNAVAILABLE", message: `Service "ldap" is unavailable. Service returned unexpected error.`}

// provider is the login provider of a route; the zero value is Directus' own login.
func (f *Fake) provider(name string) directus.Provider {
	for _, p := range f.opts.Providers {
		if p.Name == name {
			return p
		}
	}
	return directus.Provider{}
}

// providers plays GET /auth.
func (f *Fake) providers(w http.ResponseWriter, _ *http.Request) {
	list := []map[string]any{}
	for _, p := range f.opts.Providers {
		list = append(list, map[string]any{"name": p.Name, "driver": p.Driver})
	}
	answer := map[string]any{"data": list}
	if f.opts.NoDefault || !f.before("12") { // those before leave it out where it is not set
		answer["disableDefault"] = f.opts.NoDefault
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(answer)
}

func (f *Fake) login(r *http.Request, _ string, body map[string]any) (any, error) {
	p := f.provider(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/auth/login"), "/"))
	name, _ := body["email"].(string)
	if p.Driver == directus.DriverLDAP {
		name, _ = body["identifier"].(string)
	}
	password, _ := body["password"].(string)
	otp, _ := body["otp"].(string)
	switch {
	case name == "" || password == "", p.Driver != directus.DriverLDAP && !strings.Contains(name, "@"):
		return nil, invalid("INVALID_PAYLOAD", "Invalid payload. \"email\" must be a valid email.")
	case p.Driver == directus.DriverLDAP && f.noDirectory:
		return nil, errDirectory
	}
	var u *FakeUser
	for _, candidate := range f.users {
		known := candidate.Email
		if p.Driver == directus.DriverLDAP {
			known = candidate.Identifier
		}
		if strings.EqualFold(known, name) {
			u = candidate
		}
	}
	if u == nil || u.Status != "active" || u.Provider != p.Name || u.NoEntry {
		return nil, wrongCredentials()
	}
	if f.attempts[u.ID]++; f.attempts[u.ID] > maxAttempts {
		u.Status, f.attempts[u.ID] = "suspended", 0
	}
	if u.Locked {
		return nil, &apiError{status: 503, code: "SERVICE_UNAVAILABLE", message: `Service "ldap" is unavailable. Service returned unexpected error:  Code: 0x13.`}
	}
	if u.Password != password {
		return nil, wrongCredentials()
	}
	if u.OTP != "" && u.OTP != otp {
		return nil, &apiError{status: 401, code: "INVALID_OTP", message: "Invalid user OTP."}
	}
	f.attempts[u.ID] = 0
	return f.open(u), nil
}

func (f *Fake) refresh(_ *http.Request, _ string, body map[string]any) (any, error) {
	old, _ := body["refresh_token"].(string)
	user, ok := f.sessions[old]
	u := f.users[user]
	if !ok || u == nil || u.Status != "active" {
		return nil, wrongCredentials()
	}
	if f.provider(u.Provider).Driver == directus.DriverLDAP && (f.noDirectory || u.NoEntry) {
		return nil, errDirectory
	}
	delete(f.sessions, old)
	return f.open(u), nil
}

func (f *Fake) logout(_ *http.Request, _ string, body map[string]any) (any, error) {
	old, _ := body["refresh_token"].(string)
	if old == "" {
		return nil, invalid("INVALID_PAYLOAD", "Invalid payload. \"refresh_token\" is required.")
	}
	delete(f.sessions, old)
	return nil, nil
}

// open makes the tokens of a new session. Callers hold mu.
func (f *Fake) open(u *FakeUser) map[string]any {
	now := time.Now()
	exp := now.Unix() + int64(f.opts.AccessTTL/time.Second)
	payload, _ := json.Marshal(map[string]any{"id": u.ID, "role": u.Role, "iat": now.Unix(), "exp": exp, "iss": "directus"})
	enc := base64.RawURLEncoding.EncodeToString
	// As in Directus nothing in an access token is random, so two of the same second are equal.
	access := enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc(payload) + "." + enc([]byte("signature"))
	refresh := strings.ReplaceAll(uuid.NewString()+uuid.NewString(), "-", "")
	f.access[access] = grant{user: u.ID, expires: time.Unix(exp, 0)}
	f.sessions[refresh] = u.ID
	return map[string]any{"expires": f.opts.AccessTTL.Milliseconds(), "access_token": access, "refresh_token": refresh}
}
