package check

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// What check says of a text is what setup --widen can change.
func TestJudgeText(t *testing.T) {
	for described, want := range map[string]string{
		`{"type":"string","schema":{"max_length":255}}`:      "note     messages.text holds at most 255 characters: Directus refuses longer messages\n         -> make it a field of type text: widen\n",
		`{"type":"text","schema":{"max_length":255}}`:        "note     messages.text holds at most 255 characters: Directus refuses longer messages\n         -> make it a field of type text: widen\n",
		`{"type":"text","schema":{"max_length":null}}`:       "ok       messages.text holds texts of any length\n",
		`{"type":"text","schema":{"max_length":-1}}`:         "ok       messages.text holds texts of any length\n",
		`{"type":"text","schema":{"max_length":65535}}`:      "ok       messages.text holds texts of up to 65535 bytes\n",
		`{"type":"text","schema":{"max_length":4294967295}}`: "ok       messages.text holds texts of up to 4294967295 bytes\n",
	} {
		var f definition
		if err := json.Unmarshal([]byte(described), &f); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		p := &prober{findings: &findings{out: &out}}
		if p.judgeText("widen")("messages", "text", f); out.String() != want {
			t.Errorf("%s: got %q, want %q", described, &out, want)
		}
	}
}

func TestInexactKeys(t *testing.T) {
	exact := `1, -1, 9007199254740991, -9007199254740991, "9007199254740993", "18446744073709551615", "a", null`
	inexact := `9007199254740992, 9007199254740996, 1.8446744073709552e19, -9007199254740992`
	for list, want := range map[string]bool{exact: false, inexact: true} {
		for value := range strings.SplitSeq(list, ", ") {
			if got := isInexact(json.RawMessage(value)); got != want {
				t.Errorf("%s: %t", value, got)
			}
		}
	}
}
