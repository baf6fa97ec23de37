package simulation

import "time"

// judgeTruth holds what a sender was told against what is stored.
func (w *world) judgeTruth(c *client) {
	if c.spec.kind == plain {
		w.judgeUnlabelled(c)
		return
	}
	for i, l := range c.letters {
		if l.token.n > 0 { // it is no correction
			w.verdict["senders are told the truth"]++
			w.judgeAnswer(c, l, i+1)
		}
	}
}

// judgeAnswer looks at what was answered to a letter with a label, one of so many that the client had sent by then.
func (w *world) judgeAnswer(c *client, l letter, sent int) {
	a, told := c.answers[l.token]
	stored := len(w.chronicle.messages[l.token.n]) > 0
	for _, r := range a.refusals {
		switch {
		case r.stored && !stored:
			w.fail("told untruly: %s was told that %v to %s is stored, and it is not", c.name, l.token, l.target)
		case !r.stored && !r.perhaps && stored:
			w.fail("told untruly: %s was told that %v to %s is not stored, and it is", c.name, l.token, l.target)
		}
	}
	if a.shown && !stored {
		w.fail("told untruly: %s was shown its own %v to %s, which is not stored", c.name, l.token, l.target)
	}
	if end := c.stays[l.stay].end; !end.IsZero() && end.Before(l.at.Add(answered(sent))) {
		return // it may have gone before it was told
	}
	if !told {
		w.fail("unanswered: %s sent %v to %s and was told nothing", c.name, l.token, l.target)
	}
	if len(a.refusals) == 0 && !stored {
		w.fail("lost: %s sent %v to %s, was not told that it is not stored, and it is not", c.name, l.token, l.target)
	}
}

// judgeUnlabelled judges together the lines to one target among those that follow each other closely, as an answer without a
// label says to which target it belongs, but not to which line.
func (w *world) judgeUnlabelled(c *client) {
	for i := 0; i < len(c.letters); {
		j := i + 1
		for j < len(c.letters) && c.letters[j].at.Sub(c.letters[j-1].at) < answered(j-i) {
			j++
		}
		groups, targets := map[string][]letter{}, []string(nil)
		for _, l := range c.letters[i:j] {
			if groups[l.target] == nil {
				targets = append(targets, l.target)
			}
			groups[l.target] = append(groups[l.target], l)
		}
		for _, target := range targets {
			w.judgeGroup(c, groups[target], c.letters[i].at, c.letters[j-1].at.Add(answered(j-i)))
		}
		i = j
	}
}

// answered is how long it may take until all of some lines have been answered, of which each waits for those before it.
func answered(lines int) time.Duration {
	const atMost = 16 * time.Second // for one; see directus-ircd-reliability(7)
	return 24*time.Second + time.Duration(lines)*atMost
}

// judgeGroup judges lines to one target that were answered within a time.
func (w *world) judgeGroup(c *client, group []letter, from, to time.Time) {
	stored, refused, perhaps, hidden := 0, 0, 0, 0
	for _, l := range group {
		if l.token.n == 0 {
			return // a correction: what is told of which is not known
		}
		if len(w.chronicle.messages[l.token.n]) > 0 {
			stored++
		}
	}
	for _, r := range c.refusals {
		switch {
		case r.target != group[0].target || r.at.Before(from) || r.at.After(to):
		case r.stored:
			hidden++
		case r.perhaps:
			perhaps++
		default:
			refused++
		}
	}
	guests := 0 // whose invitations may have been refused in the same words
	for _, i := range c.invited {
		if i.guest == group[0].target && i.at.Before(to) && i.at.Add(answered(i.n)).After(from) {
			guests += i.n
		}
	}
	w.verdict["senders are told the truth"] += len(group)
	if stored > len(group)-max(0, refused-guests) || stored < hidden {
		w.fail("told untruly: %s sent %d messages to %s from %v on, was told that %d are not stored, and %d are", c.name, len(group), group[0].target, group[0].token, refused, stored)
	}
	ended := c.stays[group[0].stay].end
	if heard := group[0].stay == group[len(group)-1].stay && (ended.IsZero() || ended.After(to)); heard && stored < len(group)-refused-perhaps-hidden {
		w.fail("lost: %s sent %d messages to %s from %v on, was told that %d are not stored and %d perhaps, and %d are", c.name, len(group), group[0].target,
			group[0].token, refused, perhaps, stored)
	}
}
