package simulation

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"directus-ircd/bridge"
	"directus-ircd/bridge/collection"
	"directus-ircd/directus"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
	"directus-ircd/ircd/transport"

	"github.com/rs/zerolog"
)

// daemon is one life of what is tested.
type daemon struct {
	life    int // its number, from 1 on
	client  *directus.Client
	backend *bridge.Backend
	server  *ircd.Server
	ln, web *ircdtest.Listener // of plain IRC, and of IRC over WebSocket
	stop    context.CancelCauseFunc
	serving sync.WaitGroup
}

// options are those of the bridge as the world wants them now.
func (w *world) options(client *directus.Client) bridge.Options {
	w.shared = w.shared || !w.own && w.scenario.settings.directus.Version[:2] != "10" // which does not say what may be read
	opts := bridge.Options{
		Client: client, NickFields: []string{"first_name"}, Recheck: recheck, OwnFeeds: w.own, LoginsAtOnce: 4,
		Edits:  collection.Edits{Show: true, Merge: w.scenario.settings.merge, MaxAge: 24 * time.Hour},
		Logger: zerolog.New(w).Level(zerolog.InfoLevel),
	}
	for _, ch := range w.spec {
		c := collection.Config{
			Name: ch.name, Collection: ch.collection, Backlog: ch.backlog, AutoJoin: ch.autoJoin, Corrections: ch.corrections,
			Format: w.scenario.settings.formats[ch.collection],
			Fields: collection.Fields{
				ID: w.scenario.settings.keyName, Text: "text", Author: "user_created", Date: "date_created", Nonce: "nonce", Reply: "reply",
			},
		}
		if ch.room != "" {
			c.Filter, c.Set = map[string]any{"room": map[string]any{"_eq": ch.room}}, map[string]any{"room": ch.room}
		}
		if ch.lobby {
			c.Filter = map[string]any{"room": map[string]any{"_null": true}}
		}
		if ch.softDelete {
			c.SoftDelete = &collection.SoftDelete{Field: "status", Values: []string{"deleted"}}
		}
		if ch.reactions && ch.collection == "messages" {
			c.Reactions = &collection.Reactions{Collection: "reactions", Message: "message", Text: "emoji", Author: "user_created", Date: "date_created"}
		}
		opts.Channels = append(opts.Channels, c)
	}
	opts.Rooms = w.roomOptions()
	if w.scenario.settings.private {
		opts.Private = &collection.Private{Collection: "private", Backlog: 10, Fields: collection.Fields{
			Text: "text", Author: "user_created", Date: "date_created", Nonce: "nonce", Recipient: "recipient",
		}}
	}
	return opts
}

// startDaemon starts a life of the daemon.
func (w *world) startDaemon() {
	d := &daemon{life: w.lives + 1, ln: ircdtest.NewListener(), web: ircdtest.NewListener()}
	d.client = directus.New(w.fake.URL(), directus.Options{
		NetDial: w.wires.Dial, Logger: zerolog.New(w).Level(zerolog.InfoLevel), WallClock: w.wallClock(d.life),
	})
	opts := w.options(d.client)
	w.openState(&opts)
	w.lives = d.life
	var err error
	if d.backend, err = bridge.New(opts); err != nil {
		w.t.Fatal(err)
	}
	pace := 20.0
	if w.scenario.settings.hasty {
		pace = 2000.0
	}
	d.server = ircd.NewServer(d.backend, ircd.Options{
		Name: "irc.test", DeleteNotices: true, Location: time.UTC, Logger: zerolog.New(w).Level(zerolog.InfoLevel),
		Limits: ircd.Limits{
			RegistrationTimeout: time.Minute, LinesPerSecond: pace, Burst: int(2.5 * pace), PingTimeout: 4 * time.Minute, ChannelsPerClient: 50, SendQueue: w.scenario.settings.sendQueue,
		},
	})
	ctx, stop := context.WithCancelCause(context.Background())
	d.stop = stop
	for _, ln := range []net.Listener{d.ln, transport.WebSocket(d.web, nil)} {
		d.serving.Go(func() {
			if err := d.server.Serve(ctx, ln, ircd.ListenOptions{}); err != nil && !errors.Is(err, net.ErrClosed) {
				w.fail("serve: %v", err)
			}
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.daemon, w.names = d, w.channelNames()
}

const clockSet = "daemon's clock set" // the name of the fault in reports

// wallClocks are by how much the daemon's machine is ahead of its time at the starts of the daemon, one after the other: the
// clock was set while the daemon did not run. While it runs, setting it changes nothing: see doc.go.
var wallClocks = []time.Duration{0, 90 * time.Second, -10 * time.Minute, 24 * time.Hour, -5 * time.Second, -24 * time.Hour, time.Hour, 0}

// wallClock is what the daemon reads in a life.
func (w *world) wallClock(life int) func() time.Time {
	ahead := wallClocks[(int(w.scenario.seed%8)*(life-1))%len(wallClocks)]
	if life > 1 && ahead != 0 {
		w.faults[clockSet]++
	}
	return func() time.Time { return time.Now().Add(ahead) }
}

func (w *world) channelNames() (names []string) {
	for _, ch := range w.spec {
		names = append(names, ch.name)
	}
	return names
}

// wanted are the names of the channels that a client wants to be in at a time of many: those that are configured. When all is
// mended, who may read a channel is in it soon, and who may not need not be refused again every few seconds.
func (w *world) wanted(time int) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.resting || w.mended && time%6 != 0 {
		return nil
	}
	return w.names
}

// looksForRooms reports whether a client asks which rooms there are, at a time of many.
func (w *world) looksForRooms(time int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.scenario.settings.rooms.on && !w.resting && time%3 == 2
}

// stopDaemon ends a life of the daemon as SIGTERM does.
func (w *world) stopDaemon() {
	w.mu.Lock()
	d := w.daemon
	w.daemon = nil
	w.restarts = append(w.restarts, time.Now())
	w.mu.Unlock()
	w.forgets()
	begin := time.Now()
	d.backend.Drain()
	d.stop(errors.New("the server is restarting"))
	d.serving.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = d.backend.Close(ctx) // sessions that are left open in Directus expire there
	d.client.Close()
	if took := time.Since(begin); took > 5*time.Second {
		w.fail("the daemon took %v to stop", took)
	}
}

// connect hands the far end of a connection to the daemon and returns which life of it that is; false if there is none.
func (w *world) connect(ctx context.Context, far net.Conn, web bool) (life int, ok bool) {
	w.mu.Lock()
	d := w.daemon
	w.mu.Unlock()
	if d == nil {
		return 0, false
	}
	w.judgeQueues(d)
	if web {
		d.web.Connect(far)
	} else {
		d.ln.Connect(far)
	}
	return d.life, ctx.Err() == nil
}
