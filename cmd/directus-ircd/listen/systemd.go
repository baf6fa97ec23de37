package listen

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/cmd/directus-ircd/systemd"
)

// passedSockets are the sockets that systemd has opened for the daemon
// (sd_listen_fds(3)).
type passedSockets struct {
	byName map[string][]net.Listener // those that nobody has taken yet
	named  []string                  // names that have an entry of their own
	stored map[string]net.Listener   // what an earlier process left with it, by storeName
	stale  map[string][]net.Listener // the same of entries that are gone
}

// takePassed gets the sockets. Those of an earlier process belong to the entries with
// their addresses.
func takePassed(entries []config.Listener) (*passedSockets, error) {
	p := &passedSockets{stored: map[string]net.Listener{}, stale: map[string][]net.Listener{}}
	ours := map[string]bool{}
	for _, l := range entries {
		network, name := l.Split()
		switch {
		case network != config.NetworkSystemd:
			ours[storeName(l)] = true
		case name != "":
			p.named = append(p.named, name)
		}
	}
	var err error
	if p.byName, err = activation.ListenersWithNames(); err != nil {
		return nil, fmt.Errorf("take the sockets of systemd: %w", err)
	}
	for name, sockets := range p.byName {
		if !strings.HasPrefix(name, storePrefix) {
			continue
		}
		delete(p.byName, name)
		if ours[name] && len(sockets) == 1 {
			p.stored[name] = sockets[0]
		} else {
			p.stale[name] = sockets
		}
	}
	return p, nil
}

// takeStored returns the socket that an earlier process has left for an entry; nil if
// there is none that serves.
func (p *passedSockets) takeStored(cfg config.Listener) net.Listener {
	if p == nil {
		return nil
	}
	name := storeName(cfg)
	ln := p.stored[name]
	delete(p.stored, name)
	network, path := cfg.Split()
	if ln == nil || network != config.NetworkUnix {
		return ln
	}
	adopted, err := adoptUnix(ln, path, cfg.Mode)
	if err != nil { // its file is gone, so that nobody finds it
		ln.Close()
		return nil
	}
	return adopted
}

// take returns the sockets of a name, or with the empty name all that have no
// entry of their own.
func (p *passedSockets) take(name string) ([]net.Listener, error) {
	var taken []net.Listener
	for _, n := range slices.Sorted(maps.Keys(p.byName)) {
		if n == name || name == "" && !slices.Contains(p.named, n) {
			taken = append(taken, p.byName[n]...)
			delete(p.byName, n)
		}
	}
	switch {
	case len(taken) > 0:
		return taken, nil
	case name != "":
		return nil, fmt.Errorf("listen on systemd:%s: systemd passed no stream socket of that name: compare it with FileDescriptorName in the socket unit, and start that unit", name)
	}
	return nil, errors.New("listen on systemd: systemd passed no stream socket: start the socket unit (systemctl enable --now directus-ircd.socket) instead of the service")
}

// warn names the sockets that no entry has taken.
func (p *passedSockets) warn(log zerolog.Logger) {
	for _, name := range slices.Sorted(maps.Keys(p.byName)) {
		for _, ln := range p.byName[name] {
			log.Warn().Str("name", name).Stringer("address", ln.Addr()).Msg("systemd passed a socket that no listener of the configuration asks for: add one with address: systemd")
		}
	}
}

// close closes what was not taken: clients would wait there for nothing.
func (p *passedSockets) close() {
	for _, sockets := range p.byName {
		for _, ln := range sockets {
			ln.Close()
		}
	}
	for _, ln := range p.stored {
		ln.Close()
	}
}

// storePrefix tells the sockets that the daemon has given to systemd from those
// of socket units.
const storePrefix = "directus-ircd."

// storeName is the name of an entry's socket in systemd's store, where it stays open
// from one process to the next: whoever connects meanwhile waits in its queue. A
// colon has a meaning there.
func storeName(cfg config.Listener) string {
	return storePrefix + strings.ReplaceAll(cfg.Address, ":", "_")
}

// store gives a socket to systemd, which keeps it if FileDescriptorStoreMax allows.
// What a socket unit has opened is kept by that. The file of a Unix socket then
// stays: where nobody keeps the socket, the next start replaces it.
func (s *Sockets) store(l *listener) {
	if network, _ := l.configured.Split(); network == config.NetworkSystemd || os.Getenv("NOTIFY_SOCKET") == "" {
		return
	}
	f, err := fileOf(l.socket)
	if err == nil {
		defer f.Close()
		err = systemd.Store(storeName(l.configured), f)
	}
	if err != nil {
		s.opts.Log.Warn().Err(err).Str("address", l.configured.Address).Msg("leave the socket with systemd")
		return
	}
	leave(l.socket, true)
}

// forget has systemd close its duplicate of a socket.
func (s *Sockets) forget(l *listener) {
	if network, _ := l.configured.Split(); network != config.NetworkSystemd {
		s.forgetName(storeName(l.configured))
	}
}

func (s *Sockets) forgetName(name string) {
	if err := systemd.Forget(name); err != nil {
		s.opts.Log.Warn().Err(err).Msg("notify systemd")
	}
}

// forgetStale has systemd close the sockets of an earlier configuration, whose
// addresses may be needed, and waits until it has (sd_notify_barrier(3)).
func (s *Sockets) forgetStale(passed *passedSockets) {
	for name, sockets := range passed.stale {
		for _, ln := range sockets {
			ln.Close()
		}
		s.forgetName(name)
	}
	if len(passed.stale) == 0 {
		return
	}
	if err := systemd.Barrier(); err != nil {
		s.opts.Log.Warn().Err(err).Msg("wait for systemd")
	}
}
