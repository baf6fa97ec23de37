package ircd

import (
	"context"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"directus-ircd/ircd/transport"
	"directus-ircd/ircd/wire"

	"golang.org/x/time/rate"
)

// linesPerToken is how many lines of a multi-line message flood control
// counts as one: together they are one message, but others are shown them all.
// A whole message of the greatest length is then worth 25 lines.
const linesPerToken = 20

// pacing is the flood control of a connection.
type pacing struct {
	limiter *rate.Limiter
	query   atomic.Int64 // what a query counts for, in lines
	// batch says that a line with the tag batch is a part of a multi-line message,
	// or dropped. It is written by loop; read may be some lines ahead of that, so
	// it does not matter whether a message is open.
	batch atomic.Bool
	// inBatch counts its lines. It is owned by read.
	inBatch int
	// asked is how many PONGs were asked for, of which the client is not to be
	// slowed down. It is raised by loop and lowered by read.
	asked atomic.Int32
}

// wait waits until a line may be handled. It fails when ctx ends. A line that was
// counted as a part of a multi-line message must not become one by itself.
func (p *pacing) wait(ctx context.Context, text string) (part bool, err error) {
	if p.asked.Load() > 0 && strings.EqualFold(wire.CommandOf(text), "PONG") {
		p.asked.Add(-1)
		return false, nil
	}
	if part = p.batch.Load() && isBatchLine(text); part {
		if p.inBatch++; p.inBatch%linesPerToken != 1 {
			return part, nil
		}
	}
	for err = p.take(ctx, text); err != nil && ctx.Err() == nil; {
		err = p.take(ctx, text) // the limits became narrower just then
	}
	return part, err
}

func (p *pacing) take(ctx context.Context, text string) error {
	return p.limiter.WaitN(ctx, min(p.cost(text), p.limiter.Burst()))
}

// pacedReader slows down input that is no lines: one that does not end, blank ones,
// NULs, bytes that come one by one. Lines are counted by wait; what one may take at
// most counts as one.
type pacedReader struct {
	r       io.Reader
	wait    func()
	unspent int // bytes since the last line
	// busy is not held while it waits, for r or for its turn, and held otherwise.
	busy *sync.Mutex
}

func (r *pacedReader) Read(p []byte) (int, error) {
	r.busy.Unlock()
	defer r.busy.Lock()
	if r.unspent > wire.MaxInputTags+wire.MaxInputBody {
		r.unspent = 0
		r.wait()
	}
	n, err := r.r.Read(p)
	r.unspent += max(n, transport.ReadCost)
	return n, err
}

// pause has the next Read wait.
func (r *pacedReader) pause() { r.unspent = wire.MaxInputTags + wire.MaxInputBody + 1 }

// endPause is how long waste waits once the connection has ended.
const endPause = 10 * time.Millisecond

// waste waits as for n lines. Once ctx has ended what is read is only thrown away, for
// a moment, see linger: it waits for endPause, as many clients that go on sending would
// otherwise leave no processor for the end of all the others.
func (p *pacing) waste(ctx context.Context, n int) {
	for ; n > 0 && ctx.Err() == nil; n-- {
		_ = p.limiter.Wait(ctx)
	}
	if ctx.Err() != nil {
		await(nil, endPause)
	}
}

// cost is what a line counts for. One that no burst holds counts for a whole one.
func (p *pacing) cost(text string) int {
	_, rest := wire.SplitTags(text)
	name, params, _ := strings.Cut(wire.SkipSource(rest), " ")
	each := 1
	switch cmd := commands[strings.ToUpper(name)]; {
	case cmd.query:
		each = max(int(p.query.Load()), 1)
	case !cmd.targets:
		return 1
	}
	targets, _, _ := strings.Cut(strings.TrimLeft(params, " "), " ")
	return each * (1 + strings.Count(targets, ","))
}

// isBatchLine reports whether a line can be part of a multi-line message.
func isBatchLine(text string) bool {
	tags, rest := wire.SplitTags(text)
	for t := range strings.SplitSeq(tags, ";") {
		if name, _, _ := strings.Cut(t, "="); name == tagBatch {
			command, _, _ := strings.Cut(wire.SkipSource(rest), " ")
			return strings.EqualFold(command, "PRIVMSG") || strings.EqualFold(command, "NOTICE")
		}
	}
	return false
}

func newPacing(l Limits) *pacing {
	p := &pacing{limiter: rate.NewLimiter(l.pace())}
	p.query.Store(int64(l.QueryCost))
	return p
}

// limit takes over other limits. It may be called while read waits.
func (p *pacing) limit(l Limits) {
	pace, burst := l.pace()
	p.query.Store(int64(l.QueryCost))
	p.limiter.SetBurst(burst)
	p.limiter.SetLimit(pace)
}

func (l Limits) pace() (rate.Limit, int) {
	if l.LinesPerSecond <= 0 {
		return rate.Inf, 1
	}
	return rate.Limit(l.LinesPerSecond), max(l.Burst, 1)
}

// pace is the longest time between two lines of a client that has used up its
// burst: the second may be as dear as a whole one.
func (c *conn) pace() time.Duration {
	seconds := min(float64(c.pacing.limiter.Burst())/float64(c.pacing.limiter.Limit()), time.Hour.Seconds())
	return time.Duration(seconds * float64(time.Second))
}
