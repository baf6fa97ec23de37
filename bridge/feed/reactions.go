package feed

import (
	"context"
	"slices"
	"strings"
	"time"

	"directus-ircd/bridge/collection"
	"directus-ircd/bridge/people"
	"directus-ircd/directus"
	"directus-ircd/ircd"
)

// maxReactions is how many reactions a feed remembers, to know what a deletion
// takes back. The oldest go first: that they are taken back is not told.
const maxReactions = 128

// reactionsRetry is how often the right to read reactions is asked for.
const reactionsRetry = 15 * time.Minute

// reactionFeed follows the reactions to the messages of a feed. Reactions come by events
// alone: those of an outage are shown only with the history.
type reactionFeed struct {
	sub  *directus.Subscription // nil: not allowed, or not yet; owned by the feed's run
	next time.Time              // not to be tried before; owned by run

	shown []shownReaction // the oldest first; guarded by the feed's mu
	gone  []goneReaction  // the oldest first; guarded by the feed's mu
}

// shownReaction is a reaction that was shown, in each channel of its message.
type shownReaction struct {
	id      string
	entries []Entry
}

// goneReaction is one that was deleted. Directus reads what was created before it tells of it,
// so that an event of its creation may come later than that of its deletion, or than the answer
// to the request that deleted it.
type goneReaction struct {
	id string
	at time.Time
}

// followReactions subscribes if the user may read reactions. Otherwise Directus
// would send an error for each, and before 12 not even say for which
// subscription. The right is asked for again now and then.
func (f *Feed) followReactions(ctx context.Context) {
	cfg := f.Group.Reactions
	if cfg == nil || f.reactions.sub != nil || time.Now().Before(f.reactions.next) {
		return
	}
	err := f.tryReactions(ctx)
	switch {
	case err == nil:
		f.reactions.sub = f.leader.Realtime().Subscribe(cfg.Collection, directus.SubscriptionQuery{
			Fields: cfg.Query(), Events: []directus.EventKind{directus.EventCreate, directus.EventDelete},
		})
	case collection.IsForbidden(err):
		f.reactions.next = time.Now().Add(reactionsRetry)
	}
}

// tryReactions reads one reaction, to find whether the leader may.
func (f *Feed) tryReactions(ctx context.Context) error {
	var some []struct{}
	err := f.leader.Account().Items(ctx, f.Group.Reactions.Collection, directus.Query{Fields: f.Group.Reactions.Query(), Limit: 1}, &some)
	if err != nil {
		f.leader.Log().Debug().Err(err).Str("collection", f.Group.Reactions.Collection).Msg("no reactions")
	}
	return err
}

func (f *Feed) endReactions() {
	if f.reactions.sub != nil {
		f.reactions.sub.Close()
		f.reactions.sub = nil
	}
}

// reactionWake is readable when there may be reactions; nil where none are
// followed.
func (f *Feed) reactionWake() <-chan struct{} {
	if f.reactions.sub == nil {
		return nil
	}
	return f.reactions.sub.Wake()
}

// drainReactions takes what the subscription has to say; takeReactions shows it.
func (f *Feed) drainReactions() (events []directus.Event, gap bool) {
	if f.reactions.sub == nil {
		return nil, false
	}
	return f.reactions.sub.Drain()
}

func (f *Feed) takeReactions(ctx context.Context, events []directus.Event, gap bool) {
	if len(events) == 0 && !gap {
		return
	}
	var created []collection.Reaction
	var deleted []string
	for _, event := range events {
		for _, raw := range event.Items {
			if r, ok := f.Group.ReactionStore().Parse(raw); ok && f.remembers(r.Message) {
				created = append(created, r)
			}
		}
		deleted = append(deleted, event.Keys...)
	}
	users, err := f.leader.Names().UsersMeeting(ctx, people.MeetsNobody, collection.Reactors(created))
	if err != nil {
		f.leader.Log().Debug().Err(err).Msg("reactions are not shown")
		created = nil
	}
	f.showReactions(created, people.References{Users: users, Met: f.leader.Names().Met}, deleted)
	if gap && collection.IsForbidden(f.tryReactions(ctx)) {
		f.endReactions()
	}
}

// showReactions shows new reactions, and takes back those that were deleted.
func (f *Feed) showReactions(created []collection.Reaction, refs people.References, deleted []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range created {
		f.Bring(f.addReaction(r, refs)...)
	}
	for _, id := range deleted {
		f.Bring(f.dropReaction(id)...)
	}
}

func (f *Feed) remembers(id string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.shown.rows[id] != nil
}

// addReaction makes the entries of a reaction that was not shown before, unless nobody here
// was shown its message. The caller holds mu.
func (f *Feed) addReaction(r collection.Reaction, refs people.References) []Entry {
	known := f.shown.rows[r.Message]
	if known == nil || f.reactions.knows(r.ID) {
		return nil
	}
	var entries []Entry
	for _, p := range known.places {
		if p.state == visible && p.channel.Reactions != nil && r.MayConcern(p.message) {
			entries = append(entries, Entry{Row: collection.Row{ID: r.Message}, Channel: p.channel, Event: r.Event(p.message, refs.Author(r.Author, p.channel), f.clock())})
		}
	}
	f.reactions.remember(r.ID, entries)
	return entries
}

// knows reports whether a reaction was shown, or is known to be deleted. Its key may be given
// again by hand, and counts again when no event of the first can be on its way any more.
func (rf *reactionFeed) knows(id string) bool {
	return slices.ContainsFunc(rf.shown, func(s shownReaction) bool { return s.id == id }) ||
		slices.ContainsFunc(rf.gone, func(g goneReaction) bool { return g.id == id && time.Since(g.at) < deedLife })
}

func (rf *reactionFeed) forget(id string) {
	rf.gone = append(rf.gone, goneReaction{id, time.Now()})
	if len(rf.gone) > maxReactions {
		rf.gone = slices.Delete(rf.gone, 0, 1)
	}
}

func (rf *reactionFeed) remember(id string, entries []Entry) {
	if len(rf.shown) >= maxReactions {
		rf.shown = slices.Delete(rf.shown, 0, 1)
	}
	rf.shown = append(rf.shown, shownReaction{id, entries})
}

// RememberReactions notes reactions that a session shows as history, as far as there is room,
// so that they can be taken back.
func (f *Feed) RememberReactions(r collection.Row, c *collection.Channel, list []*ircd.Reaction) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ev := range list {
		id, ok := collection.UnsafeID(strings.Split(ev.ID, ".")[0])
		if ok && !f.reactions.knows(id) && len(f.reactions.shown) < maxReactions {
			f.reactions.remember(id, []Entry{{Row: collection.Row{ID: r.ID}, Channel: c, Event: ev}})
		}
	}
}

// dropReaction makes the entries that take a reaction back, none if it was not shown: Directus
// announces the deletion of every reaction to everybody. The caller holds mu.
func (f *Feed) dropReaction(id string) []Entry {
	f.reactions.forget(id)
	i := slices.IndexFunc(f.reactions.shown, func(s shownReaction) bool { return s.id == id })
	if i < 0 {
		return nil
	}
	entries := slices.Clone(f.reactions.shown[i].entries)
	f.reactions.shown = slices.Delete(f.reactions.shown, i, i+1)
	for k, e := range entries {
		shown := e.Event.(*ircd.Reaction)
		by := f.deeds.eraser(f.Group.Reactions.Collection, id, shown.From)
		entries[k].Event = collection.Removal(shown, by, f.clock())
	}
	return entries
}

// reactionIn is a reaction as it shows in one channel, also to a message that the feed has
// forgotten; only the session that reacts is shown that. The caller holds mu.
func (f *Feed) reactionIn(to ReactionTarget, r collection.Reaction, from ircd.User) *ircd.Reaction {
	if p := f.shown.rows[r.Message].place(to.Channel); p != nil {
		return r.Event(p.message, from, f.clock())
	}
	m := &ircd.Message{ID: collection.OriginalID(to.MsgID), Target: to.Name, To: to.To}
	return r.Event(m, from, f.clock())
}
