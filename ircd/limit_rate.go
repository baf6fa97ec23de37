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

// linesPerToken is how many lines of a multi-line message count as one line for flood
// control: they are one message, but are shown to others in full. The longest message
// counts for 25 lines.
const linesPerToken = 20

// queryCost is how many lines each target of a command counts for that makes the backend
// search or has a long answer.
const queryCost = 3

// pacing is the flood control of a connection.
type pacing struct {
	limiter *rate.Limiter
	delayed *atomic.Int64 // counts the lines that were held back, of all connections
	// batch says that a line with the tag batch is part of a multi-line message, or will
	// be dropped. loop sets it. Whether a message is open does not matter, because read
	// may be some lines ahead of loop.
	batch atomic.Bool
	// inBatch counts the lines of multi-line messages. read owns it.
	inBatch int
	// asked is how many PONGs we have asked for, which must not delay the client. loop
	// raises it, read lowers it.
	asked atomic.Int32
}

// wait blocks until a line may be handled, or fails when ctx ends. part reports that the
// line was counted as part of a multi-line message: it must not be handled as a message
// of its own.
func (p *pacing) wait(ctx context.Context, text string) (part bool, err error) {
	if p.asked.Load() > 0 {
		if _, command, _ := wire.Cut(text); strings.EqualFold(command, "PONG") {
			p.asked.Add(-1)
			return false, nil
		}
	}
	if part = p.batch.Load() && isBatchLine(text); part {
		if p.inBatch++; p.inBatch%linesPerToken != 1 {
			return part, nil
		}
	}
	for err = p.take(ctx, text); err != nil && ctx.Err() == nil; {
		err = p.take(ctx, text) // the burst became smaller meanwhile
	}
	return part, err
}

func (p *pacing) take(ctx context.Context, text string) error {
	cost := min(p.cost(text), p.limiter.Burst())
	if p.limiter.AllowN(time.Now(), cost) {
		return nil
	}
	p.delayed.Add(1)
	return p.limiter.WaitN(ctx, cost)
}

// pacedReader delays input that does not make up lines: an endless line, blank lines,
// NULs, single bytes. As many bytes as the longest line count as one line. Lines
// themselves are paced by pacing.wait.
type pacedReader struct {
	r       io.Reader
	wait    func()
	unspent int // bytes since the last line
	// busy is released while Read waits for r or for wait, see latecomers.
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

// pause makes the next Read wait.
func (r *pacedReader) pause() { r.unspent = wire.MaxInputTags + wire.MaxInputBody + 1 }

// endPause is how long waste waits after the connection has ended.
const endPause = 10 * time.Millisecond

// waste blocks for as long as n lines would. After ctx has ended, input is only read to be
// discarded, see linger. waste then waits for endPause: many clients that keep sending
// would otherwise leave no CPU time to end the others.
func (p *pacing) waste(ctx context.Context, n int) {
	for ; n > 0 && ctx.Err() == nil; n-- {
		_ = p.limiter.Wait(ctx)
	}
	if ctx.Err() != nil {
		await(nil, endPause)
	}
}

// cost is how many lines a line counts for. take caps it at the burst.
func (p *pacing) cost(text string) int {
	_, name, params := wire.Cut(text)
	each := 1
	switch cmd := commands[strings.ToUpper(name)]; {
	case cmd.query:
		each = queryCost
	case !cmd.targets:
		return 1
	}
	targets, _, _ := strings.Cut(strings.TrimLeft(params, " "), " ")
	return each * (1 + strings.Count(targets, ","))
}

// isBatchLine reports whether a line may be part of a multi-line message.
func isBatchLine(text string) bool {
	tags, command, _ := wire.Cut(text)
	for t := range strings.SplitSeq(tags, ";") {
		if name, _, _ := strings.Cut(t, "="); name == tagBatch {
			return strings.EqualFold(command, "PRIVMSG") || strings.EqualFold(command, "NOTICE")
		}
	}
	return false
}

// limit changes the limits. It may be called while read waits.
func (p *pacing) limit(l Limits) {
	pace, burst := l.pace()
	p.limiter.SetBurst(burst)
	p.limiter.SetLimit(pace)
}

func (l Limits) pace() (rate.Limit, int) {
	if l.LinesPerSecond <= 0 {
		return rate.Inf, 1
	}
	return rate.Limit(l.LinesPerSecond), max(l.Burst, 1)
}

// pace is the longest time that flood control may delay a line: as long as a whole burst
// takes to refill.
func (c *conn) pace() time.Duration {
	seconds := min(float64(c.pacing.limiter.Burst())/float64(c.pacing.limiter.Limit()), time.Hour.Seconds())
	return time.Duration(seconds * float64(time.Second))
}
