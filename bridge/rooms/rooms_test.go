package rooms

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/state"
	"directus-ircd/directus"
	"directus-ircd/ircd/wire"
)

func TestSlug(t *testing.T) {
	for name, want := range map[string]string{
		"General":                   "#general",
		"Tea & Cake":                "#tea-cake",
		"Müller's  Büro":            "#mullers-buro",
		"Кухня":                     "#kukhnia",
		"茶室":                        "#cha-shi",
		"#dev":                      "#dev",
		"a_b-c":                     "#a_b-c",
		"--x--":                     "#x",
		"2026":                      "#2026",
		"!!!":                       "",
		"":                          "",
		"a,b:c\x07d":                "#a-b-cd",
		strings.Repeat("long ", 20): "#long-long-long-long-long-long-long-long-long-long",
	} {
		got := Slug(name)
		if got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
		if got != "" && (!wire.IsChannel(got) || wire.Fold(got) != got || Slug(got) != got) {
			t.Errorf("%q becomes %q, which is no name to stay with", name, got)
		}
	}
}

func testRooms(t *testing.T) *Rooms { return keptRooms(t, Names{}) }

func keptRooms(t *testing.T, kept Names) *Rooms {
	t.Helper()
	r, err := New(Config{
		Collection: "rooms", Fields: Fields{Name: "name", Topic: "topic", Archived: "archived"}, Room: "room", Settings: Settings{Limit: 100},
		Messages: collection.Config{Collection: "messages", Fields: collection.Fields{Text: "text", Author: "user_created", Date: "date_created"}},
	}, kept, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// put tells the rooms what a list has now: names by key, none for a room that was deleted.
func put(r *Rooms, old map[string]*Room, names map[string]string) map[string]*Room {
	news, causes := map[string]*Room{}, map[string]Cause{}
	for id, name := range names {
		if name == "" {
			news[id], causes[id] = nil, Deleted
		} else {
			news[id] = &Room{ID: id, Name: name, slug: Slug(name)}
		}
	}
	l := (&Listing{Rooms: old}).next(nil, news, causes)
	made := r.make(news)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.learn(l, made)
	return l.Rooms
}

func names(r *Rooms, ids ...string) (list []string) {
	for _, id := range ids {
		list = append(list, r.Channel(id).Name())
	}
	return list
}

func TestNamesAreUnique(t *testing.T) {
	r := testRooms(t)
	r.Reserve(map[string]bool{"#lobby": true})
	const uuid, other = "9f1e2d3c-0000-4000-8000-000000000001", "9f1e2d3c-0000-4000-8000-000000000002"
	list := put(r, nil, map[string]string{"10": "Dev", "9": "dev", "3": "Lobby", "4": "!!!", uuid: "Dev!", other: "dev?"})
	check := func(want ...string) {
		t.Helper()
		if got := names(r, "9", "10", "3", "4", uuid, other); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check("#dev", "#dev-10", "#lobby-3", "#room-4", "#dev-9f1e", "#dev-9f1e2")
	if c, moved := r.Named("#DEV"); c != r.Channel("9") || moved {
		t.Errorf("#DEV is %v, moved %v", c, moved)
	}
	channel := r.Channel("9")
	list = put(r, list, map[string]string{"9": "Development"})
	check("#development", "#dev-10", "#lobby-3", "#room-4", "#dev-9f1e", "#dev-9f1e2")
	if c, moved := r.Named("#dev"); c != channel || !moved {
		t.Errorf("by the old name it is %v, moved %v", c, moved)
	}
	list = put(r, list, map[string]string{"11": "dev", "9": "DEVELOPMENT "})
	if c, moved := r.Named("#dev"); c != r.Channel("11") || moved {
		t.Errorf("#dev is %v now, moved %v", c, moved)
	}
	list = put(r, list, map[string]string{"9": "", "12": "Development"})
	if got := r.Channel("12").Name(); got != "#development" {
		t.Errorf("the name of a room that is gone is not free: %s", got)
	}
	put(r, list, map[string]string{"9": "Development"})
	if r.Channel("9") != channel || channel.Name() != "#development-9" {
		t.Errorf("the room came back as %s, and the same channel: %v", channel.Name(), r.Channel("9") == channel)
	}
}

// A name does not pass to another room because nobody reads the first for a while, nor because the
// daemon starts again and reads them in another order, or was not there when one was renamed.
func TestNamesStay(t *testing.T) {
	memory := NewMemory(state.InMemory(zerolog.Nop())).Names("http://directus.test", "rooms")
	r := keptRooms(t, memory)
	put(r, nil, map[string]string{"2": "Dev"})
	put(r, nil, map[string]string{"1": "Dev", "3": "Tea"})
	for _, order := range [][]string{{"1", "2"}, {"2", "1"}} {
		r = keptRooms(t, memory)
		for _, id := range order {
			put(r, nil, map[string]string{id: "Dev"})
		}
		if got := names(r, "1", "2"); !slices.Equal(got, []string{"#dev-1", "#dev"}) {
			t.Errorf("after a restart, read as %v: %q", order, got)
		}
	}
	if c, _ := keptRooms(t, memory).Named("#tea"); c != nil {
		t.Errorf("a room that nobody reads is %v", c)
	}
	r = keptRooms(t, memory)
	put(r, nil, map[string]string{"3": "Coffee", "4": "Dev"})
	if got := names(r, "3", "4"); !slices.Equal(got, []string{"#coffee", "#dev-4"}) {
		t.Errorf("after changes during a restart: %q", got)
	}
	if c, moved := r.Named("#tea"); c != r.Channel("3") || !moved {
		t.Errorf("by the old name it is %v, moved %v", c, moved)
	}
	r.retain(map[string]bool{"1": true, "3": true, "4": true})
	put(r, nil, map[string]string{"5": "Dev"})
	if got := r.Channel("5").Name(); got != "#dev" {
		t.Errorf("the name of a room that was deleted meanwhile is not free: %s", got)
	}
}

// Of the names that a room had, it is known by the last ones.
// Rooms that are renamed at once may take each other's names, whatever their keys are.
func TestNamesAreExchanged(t *testing.T) {
	r := testRooms(t)
	list := put(r, nil, map[string]string{"1": "Tea", "2": "Ops", "3": "Dev"})
	list = put(r, list, map[string]string{"1": "Ops", "2": "Tea"})
	if got := names(r, "1", "2", "3"); !slices.Equal(got, []string{"#ops", "#tea", "#dev"}) {
		t.Errorf("got %q", got)
	}
	put(r, list, map[string]string{"1": "Dev", "2": "Ops", "3": "Cake"})
	if got := names(r, "1", "2", "3"); !slices.Equal(got, []string{"#dev", "#ops", "#cake"}) {
		t.Errorf("got %q", got)
	}
	for name, id := range map[string]string{"#dev": "1", "#ops": "2", "#cake": "3", "#tea": "2"} {
		if c, moved := r.Named(name); c != r.Channel(id) || moved != (name == "#tea") {
			t.Errorf("%s is %v, moved %v", name, c, moved)
		}
	}
}

func TestOldNamesAreFew(t *testing.T) {
	r := testRooms(t)
	var list map[string]*Room
	for i := range maxWas + 3 {
		list = put(r, list, map[string]string{"1": fmt.Sprint("name ", i)})
	}
	for i := range maxWas + 2 {
		c, moved := r.Named(fmt.Sprint("#name-", i))
		if known := i >= 2; (c != nil) != known || moved != known && known {
			t.Errorf("by its name before %d others it is %v, moved %v", maxWas+2-i, c, moved)
		}
	}
}

func TestSince(t *testing.T) {
	l := &List{}
	named := func(names ...string) map[string]*Room {
		rooms := map[string]*Room{}
		for i, name := range names {
			if rooms[fmt.Sprint(i+1)] = nil; name != "" {
				rooms[fmt.Sprint(i+1)] = &Room{ID: fmt.Sprint(i + 1), Name: name}
			}
		}
		return rooms
	}
	first := (*Listing)(nil).next(l, named("a", "b", "c"), nil)
	second := first.next(l, named("a", "", "C"), map[string]Cause{"2": Deleted})
	third := second.next(l, named("a", "", "C", "d"), nil)
	foreign := (*Listing)(nil).next(&List{}, named("x", "", "C"), nil)
	for _, test := range []struct {
		now, old *Listing
		want     string
	}{
		{first, nil, "1 2 3"}, {second, first, "2 3"}, {third, second, "4"}, {third, first, "2 3 4"},
		{third, foreign, "1 4"}, {third, third, ""}, {second.next(l, named("a"), nil), second, ""},
	} {
		if got := strings.Join(test.now.Since(test.old), " "); got != test.want {
			t.Errorf("version %d: got %q, want %q", test.now.version, got, test.want)
		}
	}
	if third.CauseOf("2") != Deleted || third.CauseOf("9") != Unreadable {
		t.Errorf("causes %v and %v", third.CauseOf("2"), third.CauseOf("9"))
	}
	if empty := (*Listing)(nil).next(l, nil, nil); empty == nil || empty.Rooms == nil {
		t.Error("a reading that finds no room is no listing")
	}
}

func TestParse(t *testing.T) {
	cfg := testRooms(t).Config
	for raw, want := range map[string]string{
		`{"id":1,"name":"A","topic":"t","archived":false}`:    "1 A t false",
		`{"id":"x","name":null,"topic":null,"archived":null}`: "x   false",
		`{"id":1,"name":"A","topic":7,"archived":true}`:       "1 A 7 true",
		`{"id":1,"name":"A","archived":"archived"}`:           "1 A  true",
		`{"id":1,"name":"A","archived":"published"}`:          "1 A  false",
		`{"id":1,"name":"A","archived":1}`:                    "1 A  true",
		`{"id":1,"name":"A","archived":0}`:                    "1 A  false",
		`{"id":1,"topic":"its name may not be read"}`:         "",
		`{"name":"no key"}`:                                   "",
	} {
		got, item := "", map[string]json.RawMessage{}
		if err := json.Unmarshal([]byte(raw), &item); err != nil {
			t.Fatal(err)
		}
		if room, archived, ok := cfg.parse(item); ok {
			got = fmt.Sprint(room.ID, " ", room.Name, " ", room.Topic, " ", archived)
		}
		if got != want {
			t.Errorf("%s is read as %q, want %q", raw, got, want)
		}
	}
}

// caller is a Reader that asks the list whenever it is asked something.
type caller struct {
	Reader
	list  chan *List
	asked chan struct{}
}

func (c *caller) Log() *zerolog.Logger { return new(zerolog.Nop()) }

func (c *caller) Link() directus.State { return directus.State{} }

func (c *caller) IsOver() bool {
	if l := <-c.list; l != nil {
		l.Now()
		close(c.list)
		close(c.asked)
	}
	return true
}

// Nobody is called under a lock, as who is called may need it.
func TestReadersMayAskBack(t *testing.T) {
	r := testRooms(t)
	c := &caller{list: make(chan *List, 1), asked: make(chan struct{})}
	l := r.Attach(Key{}, c, time.Minute, func() {})
	c.list <- l
	select {
	case <-c.asked:
	case <-time.After(5 * time.Second):
		t.Fatal("the list waits for its reader, who waits for the list")
	}
}
