package collection

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestParseMessageID(t *testing.T) {
	at := time.Date(2026, 11, 23, 13, 18, 39, 984e6, time.UTC)
	for _, id := range []string{"7", "-7", "9007199254740993", "0b9aa4dc-63b0-4b5f-a5b9-6f4a0c1d2e3f", "a.b c:_\x00é", "_", "-"} {
		msgid := MessageID(Row{ID: id, Date: at})
		for _, form := range []string{msgid, msgid + ".e1", msgid + ".e" + "mbq7zzg0", msgid + ".e1.e2.e3"} {
			got, date, ok := ParseMessageID(form)
			if !ok || got != id || !date.Equal(at) {
				t.Errorf("%s: got %q %v %v, want %q", form, got, date, ok, id)
			}
		}
	}
	for _, bad := range []string{
		"", ".", "7", "7.", ".1", "7.1.", "7.1.e", "7.1.x1", "7.1.eX", "7.1.e1.e", "7.1.e1.2", "7.1.e1.", "7.A", "7.+1", "7.01", "7.-",
		"_2.1", "_zz.1", "_61.1", "a b.1", "é.1", "7.zzzzzzzzzzzz", "7.zzzzzzzzzzzzzz", "7.-zzzzzzzzzzz", strings.Repeat("7", 600),
	} {
		if id, date, ok := ParseMessageID(bad); ok {
			t.Errorf("%q is taken for %q of %v", bad, id, date)
		}
	}
}

// What parseMessageID takes names one message in one way, edits apart.
func FuzzParseMessageID(f *testing.F) {
	for _, seed := range []string{"7.lx2k", "a_2eb.-1", "7.1.e1.e2", "0b9aa4dc-63b0-4b5f-a5b9-6f4a0c1d2e3f.mbq7zzg0.e1", "7.zzzzzzzzz", "_2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, msgid string) {
		id, date, ok := ParseMessageID(msgid)
		if !ok {
			return
		}
		if again := MessageID(Row{ID: id, Date: date}); again != msgid && !strings.HasPrefix(msgid, again+".e") {
			t.Fatalf("%q is read as %q", msgid, again)
		}
		if _, err := json.Marshal(date); err != nil {
			t.Fatal(err)
		}
	})
}
