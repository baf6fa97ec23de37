package wire

import (
	"encoding/base64"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// SASLChunk is how many bytes an AUTHENTICATE has that another one follows (IRCv3 SASL 3.1).
const SASLChunk = 400

const maxSASL = 10 * 1024 // bytes of base64 in total

var (
	// ErrSASLTooLong says that a message is longer than any credentials.
	ErrSASLTooLong = errors.New("sasl message too long")

	errSASLBase64 = errors.New("sasl message is not base64")
	errSASLPlain  = errors.New("sasl plain message has not three parts")
	// ErrAuthzid says that a client asks to act for another account.
	ErrAuthzid        = errors.New("sasl authorization identity is not the authentication identity")
	errSASLIncomplete = errors.New("sasl account or password is empty")
)

// SASLMessage collects the AUTHENTICATE lines of one client message. The zero value is
// ready to use. It belongs to the goroutine of its connection.
type SASLMessage struct{ b strings.Builder }

// Add takes the parameter of one AUTHENTICATE line and reports whether the message is
// complete: after "+", or after a chunk of any length but 400 bytes. Longer chunks are
// complete too, because Quassel, senpai and older Halloy send everything on one line.
func (s *SASLMessage) Add(chunk string) (done bool, err error) {
	if chunk == "+" {
		return true, nil
	}
	if s.b.Len()+len(chunk) > maxSASL {
		return false, ErrSASLTooLong
	}
	s.b.WriteString(chunk)
	return len(chunk) != SASLChunk, nil
}

// String returns what was added, still in base64. It is a secret.
func (s *SASLMessage) String() string { return s.b.String() }

// DecodePlain decodes a SASL PLAIN message (RFC 4616) from base64, with or without
// padding. The authorization identity must be empty or repeat the authentication
// identity, as many clients send it: acting for another account is not supported. No
// error quotes the message.
func DecodePlain(b64 string) (authcid, password string, err error) {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(b64, "="))
	if err != nil {
		return "", "", errSASLBase64
	}
	parts := strings.Split(string(raw), "\x00")
	if len(parts) != 3 {
		return "", "", errSASLPlain
	}
	if !utf8.Valid(raw) {
		for i := range parts {
			// Quassel sends ISO 8859-1, whose decoder never fails.
			parts[i], _ = charmap.ISO8859_1.NewDecoder().String(parts[i])
		}
	}
	authzid, authcid, password := parts[0], parts[1], parts[2]
	if authcid == "" || password == "" {
		return "", "", errSASLIncomplete
	}
	if authzid != "" && !strings.EqualFold(authzid, authcid) {
		return "", "", ErrAuthzid
	}
	return authcid, password, nil
}
