package check

import (
	"context"
	"strings"
	"time"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/cmd/directus-ircd/listen"
)

// expiryNote is how long before its expiry a certificate is noted.
const expiryNote = 14 * 24 * time.Hour

// checkExpiry reports when the certificates expire. It looks for those of ACME in the folder
// of the daemon, and skips those that this user may not read.
func checkExpiry(ctx context.Context, cfg *config.Config, r *findings) {
	for _, l := range cfg.Listen {
		if l.TLS.Cert == "" {
			continue
		}
		if pair, err := l.TLS.Pair(); err == nil { // the configuration was refused if it could not be loaded
			r.expiry("renew it, and reload the daemon", "the certificate of "+l.Address, pair.Leaf.NotAfter)
		}
	}
	if pair := cfg.Directus.Presented; pair != nil {
		r.expiry("renew it, and reload the daemon", "the certificate for Directus", pair.Leaf.NotAfter)
	}
	for _, name := range cfg.ACME.Domains {
		if pair, err := listen.KeptCertificate(ctx, cfg.CertificateDirectory(), name); err == nil {
			r.expiry("see in the daemon's log why it was not renewed", "the certificate by acme for "+strings.TrimSpace(name), pair.Leaf.NotAfter)
		}
	}
}

func (f *findings) expiry(fix, what string, at time.Time) {
	switch left := config.ValidFor(at); {
	case left <= 0:
		f.miss(fix, "%s expired on %s", what, at.UTC().Format(time.DateOnly))
	case left < expiryNote:
		f.note(fix, "%s expires on %s", what, at.UTC().Format(time.DateOnly))
	default:
		f.ok("%s is valid until %s", what, at.UTC().Format(time.DateOnly))
	}
}
