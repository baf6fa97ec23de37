package directustest

import (
	"fmt"
	"maps"

	"github.com/google/uuid"

	"directus-ircd/directus"
)

// FakeUser is a user of a Fake.
type FakeUser struct {
	ID         string // default: a new UUID
	Email      string
	Password   string
	OTP        string // the one-time code that is right at all times; empty: no second factor
	Token      string // static token; empty: none
	FirstName  string
	LastName   string
	Role       string
	Admin      bool           // all rights
	Status     string         // default "active"
	Provider   string         // the login provider; default: Directus' own login
	Identifier string         // what an ldap provider knows the user by
	NoEntry    bool           // the directory has no entry of the user any more
	Locked     bool           // the directory refuses every password; see Lock
	Extra      map[string]any // further fields
}

// String keeps secrets of a FakeUser out of the log of a failing test.
func (u FakeUser) String() string { return fmt.Sprintf("user %s (%s)", u.ID, u.FirstName) }

// AddUser adds a user and returns the id.
func (f *Fake) AddUser(u FakeUser) string {
	if u.ID == "" {
		u.ID = uuid.NewString()
	}
	if u.Status == "" {
		u.Status = "active"
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.users[u.ID] = &u
	return u.ID
}

// LogIn adds a user and logs in as that. The client of the account ends with the test.
func (f *Fake) LogIn(u FakeUser) *directus.Account {
	f.t.Helper()
	f.AddUser(u)
	client := directus.New(f.URL(), directus.Options{NetDial: f.Dial})
	f.t.Cleanup(client.Close)
	account, err := client.Login(f.t.Context(), u.Email, u.Password, u.OTP)
	if err != nil {
		f.t.Fatal(err)
	}
	return account
}

// RemoveUser deletes a user and ends the user's refresh tokens.
func (f *Fake) RemoveUser(id string) {
	f.EndSessions(id)
	f.locked(func() { delete(f.users, id) })
}

// EditUser changes a user in place. No open socket notices.
func (f *Fake) EditUser(id string, edit func(*FakeUser)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	u := f.users[id]
	if u == nil {
		f.t.Errorf("fake directus: no user %s", id)
		return
	}
	edit(u)
}

// Suspend makes a user inactive and ends the user's refresh tokens.
func (f *Fake) Suspend(id string) {
	f.EditUser(id, func(u *FakeUser) { u.Status = "suspended" })
	f.EndSessions(id)
}

// Attempts is how many failed logins the Fake has counted for a user since the last
// successful one.
func (f *Fake) Attempts(id string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.attempts[id]
}

// SetPassword changes a password and ends the user's refresh tokens.
func (f *Fake) SetPassword(id, password string) {
	f.EditUser(id, func(u *FakeUser) { u.Password = password })
	f.EndSessions(id)
}

// SetToken replaces the static token of a user.
func (f *Fake) SetToken(id, token string) {
	f.EditUser(id, func(u *FakeUser) { u.Token = token })
}

// PassSessions makes the refresh tokens of one user those of another.
func (f *Fake) PassSessions(from, to string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for refresh, user := range f.sessions {
		if user == from {
			f.sessions[refresh] = to
		}
	}
}

// EndSessions makes the refresh tokens of a user unknown.
func (f *Fake) EndSessions(id string) {
	f.locked(func() {
		maps.DeleteFunc(f.sessions, func(_, user string) bool { return user == id })
	})
}

// Sessions is the number of refresh tokens that are alive.
func (f *Fake) Sessions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.sessions)
}
