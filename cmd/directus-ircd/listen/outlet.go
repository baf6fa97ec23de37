package listen

import (
	"context"
	"net"

	"directus-ircd/ircd"
)

// outlet is a socket that answers HTTP.
type outlet struct {
	net.Listener
	address string // as configured
	stop    context.CancelFunc
}

// prepareOutlet opens the socket at an address, unless there is one already. anew
// asks for another one in any case, at whatever address.
func prepareOutlet(ctx context.Context, address string, present *outlet, anew bool) (*outlet, error) {
	var ln net.Listener
	var err error
	switch {
	case address == "":
		return nil, nil
	case present == nil || present.address != address:
		ln, err = OpenTCP(ctx, address)
	case anew:
		ln, err = duplicate(present.Listener)
	default:
		return present, nil
	}
	if err != nil {
		return nil, err
	}
	return &outlet{Listener: ln, address: address}, nil
}

// serveOutlet serves until o.stop: while the daemon stops, /readyz has something to
// say.
func (s *Sockets) serveOutlet(ctx context.Context, o *outlet, serve func(context.Context, net.Listener) error) {
	if o == nil {
		return
	}
	ctx, o.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.outlets.Go(func() {
		if err := ircd.Recover(&s.opts.Log, func() error { return serve(ctx, o.Listener) }); err != nil {
			s.opts.Log.Error().Err(err).Msg("not answered any more")
		}
	})
}

// StopOutlets ends what serveOutlet has begun.
func (s *Sockets) StopOutlets() {
	for _, o := range []*outlet{s.now.metrics, s.now.challenges} {
		if o != nil {
			o.stop()
		}
	}
	s.outlets.Wait()
}
