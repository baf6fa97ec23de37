package bridge

import (
	"cmp"
	"fmt"
	"strings"

	"directus-ircd/ircd"
)

// maxDevice is the length of a device's name.
const maxDevice = 32

// deviceOf takes the name of a device off what a client gave to log in, wherever the
// account stands there: as that of SASL, or with an e-mail address in front of the
// password.
func deviceOf(cred ircd.Credentials) (ircd.Credentials, string, error) {
	var device, inSecret string
	var err error
	if cred.Account, device, err = cutDevice(cred.Account); err != nil {
		return cred, "", err
	}
	if email, password, ok := strings.Cut(cred.Secret, ":"); ok && strings.Contains(email, "@") && !strings.Contains(cred.Account, "@") && cred.Account != "token" {
		if email, inSecret, err = cutDevice(email); err != nil {
			return cred, "", err
		}
		cred.Secret = email + ":" + password
	}
	return cred, cmp.Or(device, inSecret), nil
}

// cutDevice takes the name of a device off a login: it stands behind the first
// "/" that cannot belong to the login itself, which of an e-mail address is one
// behind the "@". The error is an *ircd.LoginError.
func cutDevice(login string) (account, device string, err error) {
	at := strings.LastIndexByte(login, '@') + 1
	i := strings.IndexByte(login[at:], '/')
	if i < 0 {
		return login, "", nil
	}
	account, device = login[:at+i], login[at+i+1:]
	if len(device) == 0 || len(device) > maxDevice || strings.ContainsFunc(device, isForeignToDevice) {
		return "", "", &ircd.LoginError{Reason: ircd.Rejected, Text: fmt.Sprintf(
			"What stands behind the / is the name of your device: 1 to %d letters, digits, dots, hyphens and underscores", maxDevice)}
	}
	return account, device, nil
}

func isForeignToDevice(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '.', r == '_', r == '-':
		return false
	}
	return true
}
