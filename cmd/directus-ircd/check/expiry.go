package check

import (
	"context"
	"strings"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/cmd/directus-ircd/listen"
)

// expiryNote is how long before a certificate expires "check" says so.
const expiryNote = 14 * 24 * time.Hour

// checkExpiry finds certificates that expire. Those of acme are looked for where the
// daemon keeps them, as far as that may be read.
func checkExpiry(ctx context.Context, cfg *config.Config, r *findings) {
	for _, l := range cfg.Listen {
		if l.TLS.Cert == "" {
			continue
		}
		if pair, err := l.TLS.Pair(); err == nil { // a fault of it is one of the configuration
			r.expiry("renew it, and reload the daemon", "the certificate of "+l.Address, pair.Leaf.NotAfter)
		}
	}
	for _, name := range cfg.ACME.Domains {
		if pair, err := listen.KeptCertificate(ctx, cfg.CertificateDirectory(), name); err == nil {
			r.expiry("look in the daemon's log why it was not renewed", "the certificate by acme for "+strings.TrimSpace(name), pair.Leaf.NotAfter)
		}
	}
}

func (f *findings) expiry(fix, what string, at time.Time) {
	switch left := listen.ValidFor(at); {
	case left <= 0:
		f.miss(fix, "%s has expired on %s", what, at.UTC().Format(time.DateOnly))
	case left < expiryNote:
		f.note(fix, "%s expires on %s", what, at.UTC().Format(time.DateOnly))
	default:
		f.ok("%s holds until %s", what, at.UTC().Format(time.DateOnly))
	}
}
