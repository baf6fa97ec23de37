package bridge_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// confusable are names that make few nicks, and such that look like nicks of others.
var confusable = []string{
	"Søren", "Soren", "soren.", "Jean Luc", "jean_luc", "Ada", "\u0410da", "Ádá", ":Kevin", "Kevin", "KEVIN", "Kevin-aaaa", "Soren-aaaa",
	"user-aaaaaa", "user-aaaaaaaa", "", "...", "unknown", "a name that is longer than a nick", "a name that is longer than a nickname",
}

// twinID is an id that begins like others.
func twinID(random *rand.Rand) string {
	id := []byte(uuid.NewString())
	copy(id, "aaaaaaaaaaaaaaaaaaaa"[:random.IntN(9)])
	return string(id)
}

// Whatever people are called, in whatever order they come, whoever asks for whom, and
// however often the daemon starts: no nick ever belongs to two.
func TestNoNickBelongsToTwo(t *testing.T) {
	kinds(t, func(t *testing.T, dir string) {
		for seed := range uint64(3) {
			m := &claimModel{restarts: newRestarts(t, dir), random: rand.New(rand.NewPCG(seed, 7)), sessions: map[string]fullSession{}}
			for range 100 {
				m.step()
			}
			for _, id := range m.ids {
				m.rights(id, 0)
			}
			m.restartAll()
			m.stop()
			if t.Failed() {
				t.Fatalf("with seed %d", seed)
			}
			if dir != "" {
				dir += "x"
			}
		}
	})
}

// claimModel does something at random. Its people take no other name, and none is
// deleted, where that is not kept.
type claimModel struct {
	*restarts
	random   *rand.Rand
	ids      []string
	sessions map[string]fullSession // by user id
}

func (m *claimModel) name() string { return confusable[m.random.IntN(len(confusable))] }

func (m *claimModel) someone() string { return m.ids[m.random.IntN(len(m.ids))] }

func (m *claimModel) step() {
	what := m.random.IntN(100)
	switch {
	case len(m.ids) == 0 || what < 12:
		id := m.add(twinID(m.random), m.name())
		m.ids = append(m.ids, id)
		m.rights(id, m.random.IntN(6))
	case what < 40:
		m.visit(m.someone())
	case what < 55:
		id := m.someone()
		if s := m.sessions[id]; s != nil {
			delete(m.sessions, id)
			m.leave(s)
		}
	case what < 75:
		for id, s := range m.sessions {
			if s.User().Nick == "" {
				m.t.Errorf("%s has no nick", id)
			}
			m.ask(s, m.nick())
		}
	case what < 85 && m.dir != "":
		m.rename(m.someone(), m.name())
	case what < 88 && m.dir != "":
		i := m.random.IntN(len(m.ids))
		id := m.ids[i]
		m.ids = append(m.ids[:i], m.ids[i+1:]...)
		delete(m.sessions, id)
		m.fake.RemoveUser(id)
	case what < 92:
		m.restartAll()
	default:
		time.Sleep(time.Duration(m.random.IntN([]int{10, 30, 90, 400}[m.random.IntN(4)])) * time.Second)
	}
	m.unchanged()
}

// nick is one that somebody may have.
func (m *claimModel) nick() string {
	nick := strings.Trim(strings.NewReplacer("ø", "o", " ", "_", "\u0410", "A", "Á", "A", "á", "a").Replace(m.name()), ":.")
	if m.random.IntN(2) == 0 {
		nick += "-" + strings.ReplaceAll(m.someone(), "-", "")[:4*(1+m.random.IntN(3))]
	}
	return nick
}

func (m *claimModel) rights(id string, kind int) {
	f := m.fake
	f.Allow(id, "directus_users", "read")
	switch kind {
	case 1:
		noUsers(f, id)
	case 2:
		f.Restrict(id, "directus_users", map[string]any{"id": map[string]any{"_eq": "$CURRENT_USER"}})
	case 3:
		f.Restrict(id, "directus_users", map[string]any{"first_name": map[string]any{"_in": []string{"Søren", "Kevin", "Ada"}}})
	case 4:
		readUsers("id")(f, id)
	}
}

func (m *claimModel) visit(id string) {
	if m.sessions[id] == nil {
		m.sessions[id] = m.enter(id)
	}
}

func (m *claimModel) ask(s fullSession, nick string) {
	u, err := s.Lookup(m.t.Context(), nick)
	if err == nil && u != nil && u.ID != "" {
		m.had(u.ID, u.Nick)
	}
}

// unchanged looks whether those who are here have the nick that they had.
func (m *claimModel) unchanged() {
	for id, s := range m.sessions {
		m.had(id, s.User().Nick)
	}
}

func (m *claimModel) restartAll() {
	for id, s := range m.sessions {
		closeSession(m.t, s)
		delete(m.sessions, id)
	}
	m.restart()
	for _, i := range m.random.Perm(len(m.ids)) {
		m.visit(m.ids[i])
	}
}
