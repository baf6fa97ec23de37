package directus

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// claims are the parts of an access token's payload that a client may use. Only Directus
// can check the signature.
type claims struct {
	ID  string `json:"id"`
	IAT int64  `json:"iat"`
	EXP int64  `json:"exp"`
}

// parseClaims reads the payload of a JWT (RFC 7519); ok is false for any other
// string.
func parseClaims(token string) (c claims, ok bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return claims{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(payload, &c) != nil {
		return claims{}, false
	}
	return c, true
}

// life is the time between iat and exp; 0 if the token does not say, or says nonsense.
func (c claims) life() time.Duration {
	if c.IAT <= 0 || c.EXP <= c.IAT || c.EXP-c.IAT > 10*365*86400 {
		return 0
	}
	return time.Duration(c.EXP-c.IAT) * time.Second
}
