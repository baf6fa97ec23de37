package ircd

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"directus-ircd/ircd/wire"
)

func TestISupportLines(t *testing.T) {
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("TOKEN%d=%d", i, i))
	}
	long := func(c string) string { return strings.Repeat(c, isupportBytes/2-1) }
	tests := []struct {
		name string
		in   []string
		want [][]string
	}{
		{"none", nil, nil},
		{"empty ones", []string{"", "A", ""}, [][]string{{"A"}}},
		{"thirteen a line", many, [][]string{many[:13], many[13:26], many[26:]}},
		{"exactly thirteen", many[:13], [][]string{many[:13]}},
		{"two fill a line", []string{long("a"), long("b"), "C"}, [][]string{{long("a"), long("b")}, {"C"}}},
		{"too long for any line", []string{"A", strings.Repeat("x", isupportBytes), "B"}, [][]string{{"A", "B"}}},
	}
	for _, tt := range tests {
		if got := isupportLines(tt.in); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// With the longest names there are, no line is clipped.
func TestISupportLinesFit(t *testing.T) {
	const text = "are supported by this server"
	tokens := []string{strings.Repeat("x", isupportBytes-1)}
	for i := range 60 {
		tokens = append(tokens, strings.Repeat("T", i))
	}
	for _, l := range isupportLines(tokens) {
		params := slices.Concat([]string{strings.Repeat("n", wire.NickLen)}, l, []string{text})
		got := string(wire.Append(nil, &wire.Line{Source: strings.Repeat("s", maxServerName), Command: "005", Params: params}))
		if !strings.HasSuffix(got, " :"+text+"\r\n") || len(params) > 15 {
			t.Errorf("%d parameters, %d bytes: %q", len(params), len(got), got)
		}
	}
}

func TestISupportEscape(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "ExampleChat": "ExampleChat", "Example Chat": `Example\x20Chat`, `a=b\c`: `a\x3Db\x5Cc`, "a\r\nb\x00": `a\x0D\x0Ab\x00`, "Grüße": "Grüße",
	} {
		if got := isupportEscape(in); got != want {
			t.Errorf("isupportEscape(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestLineLen: the length of a line is told only where it is not the usual one.
func TestLineLen(t *testing.T) {
	for length, want := range map[int]string{0: "", 512: "", 2048: "LINELEN=2048", 100000: "LINELEN=8192"} {
		opts := testOptions(t)
		opts.LineLength = length
		got := ""
		for _, l := range isupportLines(newSettings(opts, Features{}).tokens) {
			for _, token := range l {
				if strings.HasPrefix(token, "LINELEN=") {
					got = token
				}
			}
		}
		if got != want {
			t.Errorf("%d: %q", length, got)
		}
	}
}
