package wire

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSASLBuffer(t *testing.T) {
	c400 := strings.Repeat("x", 400)
	tests := []struct {
		name   string
		chunks []string // all but the last one leave the message open
		want   string
	}{
		{"one line", []string{"abcd"}, "abcd"},
		{"empty", []string{"+"}, ""},
		{"two lines", []string{c400, "abcd"}, c400 + "abcd"},
		{"exactly one chunk", []string{c400, "+"}, c400},
		{"exactly two chunks", []string{c400, c400, "+"}, c400 + c400},
		{"one long line", []string{c400 + "a"}, c400 + "a"},
		{"two chunks on one line", []string{c400 + c400}, c400 + c400},
	}
	for _, tt := range tests {
		var b SASLMessage
		for i, c := range tt.chunks {
			if done, err := b.Add(c); err != nil || done != (i == len(tt.chunks)-1) {
				t.Errorf("%s: chunk %d: %v, %v", tt.name, i, done, err)
			}
		}
		if b.String() != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, b.String(), tt.want)
		}
	}
}

func TestSASLBufferTooLong(t *testing.T) {
	var b SASLMessage
	total := 0
	for {
		_, err := b.Add(strings.Repeat("x", 400))
		if errors.Is(err, ErrSASLTooLong) {
			break
		}
		if total += 400; err != nil || total > maxSASL {
			t.Fatalf("%d bytes: %v", total, err)
		}
	}
	b = SASLMessage{}
	if _, err := b.Add(strings.Repeat("x", maxSASL+1)); !errors.Is(err, ErrSASLTooLong) {
		t.Errorf("one long line: %v", err)
	}
	if done, err := b.Add("abcd"); !done || err != nil || b.String() != "abcd" {
		t.Errorf("the next message: %v, %v, %q", done, err, b.String())
	}
}

func TestDecodePlain(t *testing.T) {
	encode := base64.StdEncoding.EncodeToString
	tests := []struct {
		name, in          string
		authcid, password string
		err               error
	}{
		{"catgirl", "AGtldmluQGV4YW1wbGUuY29tAHB3LWtldmlu", "kevin@example.com", "pw-kevin", nil},
		{"hexchat", "a2V2aW5AZXhhbXBsZS5jb20Aa2V2aW5AZXhhbXBsZS5jb20AcHcta2V2aW4=", "kevin@example.com", "pw-kevin", nil},
		{"no padding", "a2V2aW5AZXhhbXBsZS5jb20Aa2V2aW5AZXhhbXBsZS5jb20AcHcta2V2aW4", "kevin@example.com", "pw-kevin", nil},
		{"too much padding", "AGtldmluQGV4YW1wbGUuY29tAHB3LWtldmlu===", "kevin@example.com", "pw-kevin", nil},
		{"authzid in other case", encode([]byte("Kevin@Example.com\x00kevin@example.com\x00pw")), "kevin@example.com", "pw", nil},
		{"token", encode([]byte("\x00token\x00abc")), "token", "abc", nil},
		{"spaces and colons", encode([]byte("\x00a\x00 b:c ")), "a", " b:c ", nil},
		{"utf-8", encode([]byte("\x00a\x00Grüße✓")), "a", "Grüße✓", nil},
		{"latin-1", encode([]byte("\x00a\x00Gr\xfc\xdfe")), "a", "Grüße", nil},
		{"latin-1 with authzid", encode([]byte("\xfc\x00\xfc\x00\xe4")), "ü", "ä", nil},
		{"somebody else", encode([]byte("admin\x00kevin\x00pw")), "", "", ErrAuthzid},
		{"no account", encode([]byte("\x00\x00pw")), "", "", errSASLIncomplete},
		{"no account but authzid", encode([]byte("kevin\x00\x00pw")), "", "", errSASLIncomplete},
		{"no password", encode([]byte("\x00kevin\x00")), "", "", errSASLIncomplete},
		{"two parts", encode([]byte("kevin\x00pw")), "", "", errSASLPlain},
		{"four parts", encode([]byte("\x00kevin\x00pw\x00x")), "", "", errSASLPlain},
		{"empty", "", "", "", errSASLPlain},
		{"not base64", "*", "", "", errSASLBase64},
		{"cut base64", "AGtldm=", "", "", errSASLPlain},
		{"one letter over", "AGtld", "", "", errSASLBase64},
	}
	for _, tt := range tests {
		authcid, password, err := DecodePlain(tt.in)
		if authcid != tt.authcid || password != tt.password || !errors.Is(err, tt.err) {
			t.Errorf("%s: got %q, %q, %v, want %q, %q, %v", tt.name, authcid, password, err, tt.authcid, tt.password, tt.err)
		}
	}
}

func FuzzSASL(f *testing.F) {
	f.Add("AGtldmluQGV4YW1wbGUuY29tAHB3LWtldmlu", "+")
	f.Add("a2V2aW5AZXhhbXBsZS5jb20Aa2V2aW5AZXhhbXBsZS5jb20AcHcta2V2aW4=", "")
	f.Add(strings.Repeat("AABB", 100), "/////w==")
	f.Add("AAD/AP8=", "x")
	f.Fuzz(func(t *testing.T, first, second string) {
		var b SASLMessage
		for _, c := range []string{first, second} {
			done, err := b.Add(c)
			if len(b.String()) > maxSASL || done && err != nil {
				t.Fatalf("Add(%q) = %v, %v with %d bytes", c, done, err, len(b.String()))
			}
			if done {
				break
			}
		}
		authcid, password, err := DecodePlain(b.String())
		if err != nil {
			if authcid != "" || password != "" {
				t.Errorf("%q: %q, %q beside %v", b.String(), authcid, password, err)
			}
			return
		}
		if authcid == "" || password == "" || !utf8.ValidString(authcid+password) || strings.Contains(authcid+password, "\x00") {
			t.Errorf("%q: %q, %q", b.String(), authcid, password)
		}
	})
}
