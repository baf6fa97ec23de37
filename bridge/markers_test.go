package bridge_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// fakeBackend is the bridge alone, before a fake Directus.
func fakeBackend(t *testing.T, change func(*bridge.Options), channels ...collection.Config) (*directustest.Fake, *bridge.Backend) {
	t.Helper()
	return fakeBackendWith(t, directustest.FakeOptions{}, change, channels...)
}

func fakeBackendWith(t *testing.T, o directustest.FakeOptions, change func(*bridge.Options), channels ...collection.Config) (*directustest.Fake, *bridge.Backend) {
	t.Helper()
	fake := directustest.NewFake(t, o)
	client := directus.New(fake.URL(), directus.Options{NetDial: fake.Dial, Logger: logger(t)})
	t.Cleanup(client.Close)
	if len(channels) == 0 {
		channels = []collection.Config{messages("messages")}
	}
	opts := bridge.Options{Client: client, Channels: channels, NickFields: []string{"first_name", "last_name"}, Logger: logger(t)}
	if change != nil {
		change(&opts)
	}
	b, err := bridge.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close(context.Background()) })
	return fake, b
}

// login opens a session of a fake's user without an IRC connection.
func login(t *testing.T, b *bridge.Backend, name string) fullSession {
	t.Helper()
	s, err := full(b.Login(t.Context(), ircd.Credentials{Secret: name + "@example.com:" + name}))
	if err != nil {
		t.Fatalf("log in %s: %v", name, err)
	}
	return s
}

func closeSession(t *testing.T, s fullSession) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := s.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// polled returns what a session has to tell once everything has come to rest.
func polled[E ircd.Event](t *testing.T, s fullSession) (found []E) {
	t.Helper()
	synctest.Wait()
	events, err := s.Poll(t.Context())
	if err != nil {
		t.Fatalf("poll: %v", err)
	}
	for _, ev := range events {
		if e, ok := ev.(E); ok {
			found = append(found, e)
		}
	}
	return found
}

var markerFields = collection.ReadMarkers{Collection: "markers", Target: "target", Date: "date_read", User: "user_created"}

func markerStack(t *testing.T, stored bool) (*directustest.Fake, *bridge.Backend) {
	t.Helper()
	fake, b := fakeBackend(t, func(o *bridge.Options) {
		if stored {
			o.ReadMarkers = &markerFields
		}
	})
	fake.AddCollection("markers", directustest.FakeCollection{Fields: []string{"target", "date_read"}})
	addFake(fake, "ada")
	addFake(fake, "bob")
	return fake, b
}

// A marker is shared by the connections of a user and by nobody else, never goes
// back or into the future, and is there again after a new login.
func TestReadMarkers(t *testing.T) {
	for _, stored := range []bool{false, true} {
		t.Run(fmt.Sprintf("stored %v", stored), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				fake, b := markerStack(t, stored)
				one, two, bob := login(t, b, "ada"), login(t, b, "ada"), login(t, b, "bob")
				at := func(s fullSession) time.Time {
					t.Helper()
					m, err := s.ReadMarker(t.Context(), "#MESSAGES")
					if err != nil || m.Target != "#messages" {
						t.Fatalf("read: %+v, %v", m, err)
					}
					return m.Time
				}
				if !at(one).IsZero() {
					t.Error("a marker from nowhere")
				}
				noon := time.Now().Add(-time.Hour)
				for _, c := range []struct {
					set, want time.Time
					beyond    time.Duration // at most
				}{
					{noon, noon, 0}, {noon.Add(-time.Minute), noon, 0},
					{time.Now().Add(time.Hour), time.Now(), 3 * time.Second}, // as exactly as Directus tells its clock
				} {
					if m, err := one.SetReadMarker(t.Context(), "#messages", c.set); err != nil || m.Time.Before(c.want) || m.Time.After(c.want.Add(c.beyond)) {
						t.Errorf("set to %v: %+v, %v, want %v", c.set, m, err, c.want)
					}
				}
				set := at(one)
				if got := polled[*ircd.ReadMarker](t, two); len(got) != 1 || !got[0].Time.Equal(set) {
					t.Errorf("the other connection is told %v", got)
				}
				if got := polled[*ircd.ReadMarker](t, one); len(got) != 0 {
					t.Errorf("the setting connection is told %v", got)
				}
				if got := polled[*ircd.ReadMarker](t, bob); len(got) != 0 || !at(bob).IsZero() {
					t.Errorf("somebody else is told %v", got)
				}
				closeSession(t, one)
				closeSession(t, two)
				again := login(t, b, "ada")
				if !at(again).Equal(set) {
					t.Errorf("after a new login %v, want %v", at(again), set)
				}
				time.Sleep(time.Minute)
				if n := len(fake.Items("markers")); n > 1 || stored != (n == 1) {
					t.Errorf("%d items", n)
				}
				closeSession(t, again)
				closeSession(t, bob)
			})
		})
	}
}

// A client that scrolls costs few writes, an outage loses no marker, and where
// Directus does not allow markers they live in memory.
func TestReadMarkersStored(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := markerStack(t, true)
		s := login(t, b, "ada")
		begin := time.Now().Add(-time.Hour)
		set := func(i int) {
			t.Helper()
			if _, err := s.SetReadMarker(t.Context(), "#messages", begin.Add(time.Duration(i)*time.Second)); err != nil {
				t.Errorf("set %d: %v", i, err)
			}
		}
		for i := range 100 {
			set(i)
		}
		time.Sleep(10 * time.Second)
		if n := fake.Count("POST /items/markers") + fake.Count("PATCH /items/markers/1"); n != 1 {
			t.Errorf("%d writes", n)
		}
		fake.Database(false)
		set(200)
		time.Sleep(time.Minute)
		fake.Database(true)
		time.Sleep(2 * time.Minute)
		want := begin.Add(200 * time.Second).UTC().Format("2006-01-02T15:04:05.000Z")
		if items := fake.Items("markers"); len(items) != 1 || items[0]["date_read"] != want {
			t.Errorf("after an outage %v, want %s", items, want)
		}
		closeSession(t, s)
	})
}

func TestReadMarkerOfNothing(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		_, b := markerStack(t, false)
		s := login(t, b, "ada")
		for _, target := range []string{"#nowhere", "bob", "", "a b"} {
			if m, err := s.ReadMarker(t.Context(), target); err != nil || m.Target != target || !m.Time.IsZero() {
				t.Errorf("%q: %+v, %v", target, m, err)
			}
			var e *ircd.Error
			if _, err := s.SetReadMarker(t.Context(), target, time.Now()); !errors.As(err, &e) || e.Code != "INVALID_PARAMS" {
				t.Errorf("set of %q: %v", target, err)
			}
		}
		closeSession(t, s)
	})
}

// What another daemon has stored meanwhile is not moved back.
func TestReadMarkersOfTwoDaemons(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := markerStack(t, true)
		s := login(t, b, "ada")
		begin := time.Now().Add(-time.Hour)
		set := func(d time.Duration) {
			t.Helper()
			if _, err := s.SetReadMarker(t.Context(), "#messages", begin.Add(d)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Second)
		}
		set(time.Second)
		later := begin.Add(time.Minute).UTC().Format("2006-01-02T15:04:05.000Z")
		fake.Update("markers", "1", map[string]any{"date_read": later})
		set(2 * time.Second)
		if items := fake.Items("markers"); len(items) != 1 || items[0]["date_read"] != later {
			t.Errorf("stored %v, want %s", items, later)
		}
		if m, err := s.ReadMarker(t.Context(), "#messages"); err != nil || !m.Time.Equal(begin.Add(time.Minute).Truncate(time.Millisecond)) {
			t.Errorf("read %+v, %v", m, err)
		}
		closeSession(t, s)
	})
}

// What another daemon stores is told to the sessions of this one at the next check of the user,
// and at once to a client that asks. A user whose clients never asked costs no reading.
func TestReadMarkersMovedByAnotherDaemon(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		fake, b := privateStack(t)
		fake.AddCollection("markers", directustest.FakeCollection{Fields: []string{"target", "date_read"}})
		addFake(fake, "ada")
		addFake(fake, "bob")
		opts := bridge.Options{Client: directus.New(fake.URL(), directus.Options{NetDial: fake.Dial, Logger: logger(t)}),
			Channels: []collection.Config{messages("messages")}, NickFields: []string{"first_name", "last_name"},
			Private: &privateMessages, ReadMarkers: &markerFields, Logger: logger(t)}
		t.Cleanup(opts.Client.Close)
		if err := b.Configure(opts); err != nil {
			t.Fatal(err)
		}
		other, err := bridge.New(opts)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { other.Close(context.Background()) })
		testMovedMarkers(t, fake, login(t, b, "ada"), login(t, other, "ada"), login(t, b, "bob"))
	})
}

func testMovedMarkers(t *testing.T, fake *directustest.Fake, here, there, bob fullSession) {
	begin := time.Now().Add(-time.Hour).Truncate(time.Millisecond)
	set := func(target string, d time.Duration) {
		t.Helper()
		if _, err := there.SetReadMarker(t.Context(), target, begin.Add(d)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
	}
	asked := func(want time.Duration) {
		t.Helper()
		if m, err := here.ReadMarker(t.Context(), "#messages"); err != nil || !m.Time.Equal(begin.Add(want)) {
			t.Errorf("read %+v, %v, want %v", m, err, begin.Add(want))
		}
	}
	readings := func() int { return fake.Count("SEARCH /items/markers") }
	set("#messages", time.Second)
	asked(time.Second)
	set("#messages", 2*time.Second)
	asked(2 * time.Second)
	before := readings()
	for range 50 {
		asked(2 * time.Second)
	}
	if n := readings() - before; n > 0 {
		t.Errorf("%d readings for 50 questions at once", n)
	}
	polled[*ircd.ReadMarker](t, here)
	set("#messages", 3*time.Second)
	set("bob", 4*time.Second)
	time.Sleep(6 * time.Minute)
	told := map[string]time.Duration{}
	for _, m := range polled[*ircd.ReadMarker](t, here) {
		told[m.Target] = m.Time.Sub(begin)
	}
	if want := map[string]time.Duration{"#messages": 3 * time.Second, "bob": 4 * time.Second}; !maps.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	closeSession(t, here)
	closeSession(t, there)
	time.Sleep(time.Minute)
	before = readings()
	time.Sleep(time.Hour)
	if n := readings() - before; n > 0 {
		t.Errorf("%d readings for a user without markers", n)
	}
	closeSession(t, bob)
}
