package listen

import (
	"context"
	"fmt"
	"net"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/ircd"
)

// outlet is a socket that answers HTTP.
type outlet struct {
	net.Listener
	address string // as configured; of a Unix socket its path
	stop    context.CancelFunc
}

// prepareAdmin opens the socket for the operator. The daemon goes on without one that
// nobody has asked for.
func (s *Sockets) prepareAdmin(ctx context.Context, cfg *config.Config) (*outlet, error) {
	path, chosen := cfg.AdminSocket()
	switch present := s.now.admin; {
	case path == "":
		return nil, nil
	case present != nil && present.address == path:
		return present, nil
	}
	ln, err := openUnix(ctx, path, cfg.Admin.Mode)
	switch {
	case err != nil && chosen:
		return nil, fmt.Errorf("admin.socket: %w", err)
	case err != nil:
		s.opts.Log.Warn().Err(err).Msg("status and drain cannot reach this daemon: name another path in admin.socket")
		return nil, nil
	}
	return &outlet{Listener: ln, address: path}, nil
}

// admit sets who may use the socket for the operator.
func (s *Sockets) admit(o *outlet, mode config.FileMode) {
	if o == nil {
		return
	}
	if err := o.Listener.(*unixListener).chmod(mode); err != nil {
		s.opts.Log.Error().Err(err).Str("address", o.address).Msg("set the mode of a socket")
	}
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
	for _, o := range []*outlet{s.now.metrics, s.now.challenges, s.now.admin} {
		if o != nil {
			o.stop()
		}
	}
	s.outlets.Wait()
}
