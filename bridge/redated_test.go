package bridge_test

import (
	"fmt"
	"testing"
	"time"

	"directus-ircd/directus/directustest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// redate gives a message another date, as somebody does by hand.
func (r *remembering) redate(id string, at time.Time) {
	r.fake.Update("messages", id, map[string]any{"date_created": at.UTC().Format("2006-01-02T15:04:05.000Z")})
}

// withKeys makes the collection of a chat anew with numbers or UUIDs for keys.
func (r *remembering) withKeys(uuids bool) {
	r.fake.AddCollection("messages", directustest.FakeCollection{Fields: []string{"text", "nonce"}, Unique: []string{"nonce"}, UUIDKey: uuids})
}

// A device is shown what it has missed, whatever date that was given by hand before it came
// back, and nothing twice. The daemon has heard of the change, or keys count up.
func TestDeviceMissesWhatWasDatedByHand(t *testing.T) {
	for _, uuids := range []bool{false, true} {
		for _, down := range []bool{false, true} {
			if uuids && down {
				continue // nothing tells what is new
			}
			t.Run(fmt.Sprintf("uuids %v, daemon down %v", uuids, down), func(t *testing.T) {
				ircdtest.Bubble(t, func(t *testing.T) { testDatedByHand(t, uuids, down) })
			})
		}
	}
}

func testDatedByHand(t *testing.T, uuids, down bool) {
	r := newRemembering(t, nil)
	r.withKeys(uuids)
	r.insert("of yesterday")
	ancient := r.insert("had long ago")
	time.Sleep(time.Hour)
	stays := r.visit("ada", "#messages")
	v, _ := r.device("ada", "laptop")
	v.receive()
	had := r.insert("had")
	same(t, v.texts(), "had")
	v.receive()
	time.Sleep(10 * time.Minute)
	r.insert("had, too")
	same(t, v.texts(), "had, too")
	v.receive()
	v.leave()
	time.Sleep(time.Minute)

	missed := map[string]time.Time{
		"an hour":   time.Now().Add(-time.Hour),
		"a day":     time.Now().Add(-24 * time.Hour),
		"a moment":  time.Now().Add(-5 * time.Second),
		"later":     time.Now().Add(30 * time.Second),
		"to come":   time.Now().Add(1000 * time.Hour),
		"the first": time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	keys := map[string]string{}
	for _, text := range []string{"an hour", "a day", "a moment", "later", "to come", "the first"} {
		keys[text] = r.insert(text)
	}
	emptied := r.insert("emptied")
	r.insert("last")
	if stays.news(); down {
		stays.session.Close(t.Context())
		r.stop()
	}
	time.Sleep(time.Minute)
	for text, at := range missed {
		r.redate(keys[text], at)
	}
	r.fake.Update("messages", emptied, map[string]any{"date_created": nil})
	r.redate(had, time.Now().Add(-time.Hour))
	r.redate(ancient, time.Now().Add(-2*time.Hour))
	if !down {
		same(t, stays.later(time.Minute))
	}
	r.redate(emptied, time.Now().Add(-30*time.Minute))
	if !down {
		same(t, stays.later(time.Minute))
	}
	if down {
		r.start()
	}
	for round := range 3 {
		v, lines := r.device("ada", "laptop")
		if round == 0 {
			same(t, lines, "the first", "a day", "an hour", "emptied", "a moment", "last", "later", "to come")
		} else {
			same(t, lines)
		}
		v.receive()
		v.leave()
		time.Sleep(10 * time.Minute)
	}
}

// A device that was away while a long transaction ended is shown its rows, and one that was
// there is not shown them again.
func TestDeviceMissesALongTransaction(t *testing.T) {
	for _, uuids := range []bool{false, true} {
		t.Run(fmt.Sprint("uuids ", uuids), func(t *testing.T) {
			ircdtest.Bubble(t, func(t *testing.T) {
				r := newRemembering(t, nil)
				r.withKeys(uuids)
				r.visit("ada", "#messages")
				away, _ := r.device("ada", "laptop")
				there, _ := r.device("ada", "phone")
				begun := time.Now()
				for i := range 3 {
					time.Sleep(10 * time.Minute)
					item := map[string]any{"text": "seen"}
					if !uuids { // the transaction has taken the keys in front of this one
						item["id"] = 1000 + i
					}
					r.fake.Insert("messages", r.person("bob"), item)
					time.Sleep(time.Second)
					same(t, away.texts(), "seen")
					same(t, there.texts(), "seen")
				}
				away.receive()
				away.leave()
				rows := []string{"first of them", "second of them"}
				for i, text := range rows {
					item := map[string]any{"text": text, "date_created": begun.Add(time.Duration(i) * time.Second).UTC().Format("2006-01-02T15:04:05.000Z")}
					if !uuids {
						item["id"] = 500 + i
					}
					r.fake.Insert("messages", r.person("bulk"), item)
				}
				r.insert("last")
				same(t, there.texts(), append(rows, "last")...)
				there.receive()
				there.leave()
				for _, device := range []string{"laptop", "phone", "laptop", "phone"} {
					v, lines := r.device("ada", device)
					if want := append(rows, "last"); device == "laptop" && rows != nil {
						same(t, lines, want...)
						rows = nil
					} else {
						same(t, lines)
					}
					v.receive()
					v.leave()
				}
			})
		})
	}
}

// Old messages that were imported before a device came for the first time are no news to it,
// though their keys are higher than those of what it has.
func TestDeviceComesBehindAnImport(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		for i := range 55 {
			r.insert(fmt.Sprint(i))
		}
		r.commit(30, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Second)
		time.Sleep(time.Hour)
		v, lines := r.device("ada", "laptop")
		same(t, lines, numbered("%d", 55)[5:]...)
		v.receive()
		for range 2 {
			v.leave()
			time.Sleep(time.Hour)
			r.insert("next")
			v, lines = r.device("ada", "laptop")
			same(t, lines, "next")
			v.receive()
		}
	})
}

// More than is shown to a device was imported while it was away: it is shown the latest of that
// and told of the rest, once.
func TestDeviceMissesAnImport(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		r.insert("old")
		v, _ := r.device("ada", "laptop")
		v.receive()
		v.leave()
		time.Sleep(time.Hour)
		r.stop()
		rows := r.commit(30, time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), time.Second)
		for i := range 15 {
			r.insert(fmt.Sprint(i))
		}
		r.start()
		v, lines := r.device("ada", "laptop")
		same(t, lines, append(append([]string{"NOTICE You have missed more than 20 messages *"}, rows[25:]...), numbered("%d", 15)...)...)
		v.receive()
		v.leave()
		_, lines = r.device("ada", "laptop")
		same(t, lines)
	})
}

// A client that fetches history is given what was dated by hand since it went, and one that
// stayed has it already.
func TestHistoryBehindWhatWasDatedByHand(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		stays := r.visit("ada", "#messages")
		away := r.fetcher("bob")
		time.Sleep(10 * time.Minute)
		r.insert("seen")
		seen := polled[*ircd.Message](t, away)[0]
		closeSession(t, away)
		time.Sleep(time.Minute)
		missed := r.insert("missed")
		r.insert("last")
		stays.news()
		r.redate(missed, time.Now().Add(-5*time.Minute))
		same(t, stays.later(20*time.Minute))
		s := r.fetcher("bob")
		for _, from := range []ircd.Position{{MsgID: seen.ID}, {Time: seen.Time}} {
			same(t, pages(t, s, from, 500, false), "missed", "last")
		}
	})
}

// More than is shown to a device was given an older date: it is shown the latest of that, once.
func TestDeviceMissesMuchThatWasDatedByHand(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		r := newRemembering(t, nil)
		r.withKeys(true)
		stays := r.visit("ada", "#messages")
		r.insert("had")
		v, _ := r.device("ada", "laptop")
		v.receive()
		v.leave()
		var keys, want []string
		for i := range 30 {
			keys = append(keys, r.insert(fmt.Sprint(i)))
			want = append(want, fmt.Sprint(i))
		}
		stays.news()
		for i, key := range keys {
			r.redate(key, time.Now().Add(time.Duration(i-3600)*time.Second))
		}
		stays.news()
		v, lines := r.device("ada", "laptop")
		same(t, lines, append([]string{"NOTICE You have missed more than 20 messages *"}, want[10:]...)...)
		v.receive()
		v.leave()
		_, lines = r.device("ada", "laptop")
		same(t, lines)
	})
}
