package simulation

import (
	"slices"
	"strings"
	"testing"
	"time"

	irc "gopkg.in/irc.v4"
)

// Answers without labels are held against the lines of their target, however long these waited and whatever else was sent
// meanwhile.
func TestAnswersWithoutLabels(t *testing.T) {
	begin := time.Now()
	after := func(seconds float64) time.Time { return begin.Add(time.Duration(seconds * float64(time.Second))) }
	letters := []letter{ // as they were sent to a Directus that was killed and came back
		{token: token{n: 1}, target: "#dev", at: after(0)}, {token: token{n: 2}, target: "#dev", at: after(1.5)}, {token: token{n: 3}, target: "bob", at: after(1.7)},
		{token: token{n: 4}, target: "#dev", at: after(1.7)}, {token: token{n: 5}, target: "#dev", at: after(9)},
	}
	told := []refusal{
		{target: "#dev", at: after(7), perhaps: true}, {target: "#dev", at: after(17)}, {target: "bob", at: after(20)},
		{target: "#dev", at: after(30), perhaps: true}, {target: "#dev", at: after(31)},
	}
	for _, c := range []struct {
		stored []int
		holds  bool
	}{
		{nil, true}, {[]int{4}, true}, {[]int{1, 4}, true},
		{[]int{1, 2, 4}, false}, {[]int{3}, false},
	} {
		w := &world{chronicle: newChronicle(0, 0), verdict: verdict{}}
		for _, n := range c.stored {
			w.chronicle.messages[n] = []*record{{message: n}}
		}
		sender := &client{w: w, letters: letters, refusals: told, stays: []stay{{begin: begin}}}
		if w.judgeTruth(sender); (len(w.failures) == 0) != c.holds {
			t.Errorf("with %v stored: %v", c.stored, w.failures)
		}
	}
	// What is said of invitations of somebody may be what is told of messages to them.
	for _, holds := range []bool{false, true} {
		w := &world{chronicle: newChronicle(0, 0), verdict: verdict{}}
		w.chronicle.messages[3] = []*record{{message: 3}}
		sender := &client{w: w, letters: letters, refusals: told, stays: []stay{{begin: begin}}}
		if holds {
			sender.invited = []invitations{{"bob", after(1), 20}}
		}
		if w.judgeTruth(sender); strings.Contains(strings.Join(w.failures, "\n"), "to bob") == holds {
			t.Errorf("with invitations %v: %v", holds, w.failures)
		}
	}
	// One that is neither stored nor refused is lost.
	w := &world{chronicle: newChronicle(0, 0), verdict: verdict{}}
	w.judgeTruth(&client{w: w, letters: letters, refusals: slices.Delete(slices.Clone(told), 4, 5), stays: []stay{{begin: begin}}})
	if len(w.failures) != 1 || symptom(w.failures[0]) != "lost" {
		t.Errorf("without the last answer: %v", w.failures)
	}
}

// What a client hears of a WHOIS or an INVITE of somebody says nothing of what it has sent to them.
func TestRefusalsOfMessagesAlone(t *testing.T) {
	c := newClient(&world{start: time.Now()}, 0, clientSpec{kind: plain})
	for _, line := range []string{
		":irc.test 401 ada Zoe :is not connected and was not invited",
		":irc.test 401 ada Zoe :No such nick", ":irc.test 318 ada Zoe :End of /WHOIS list",
		":irc.test 401 ada Zoe :No such nick", ":irc.test 311 ada bob b b * :Bob", ":irc.test 318 ada bob :End of /WHOIS list",
	} {
		c.take(irc.MustParseMessage(line))
	}
	if len(c.refusals) != 1 || c.refusals[0].target != "Zoe" {
		t.Errorf("refused are %v", c.refusals)
	}
}

// A message to a channel that is gone from the configuration is refused as any other; without a label that may be the answer to
// a JOIN.
func TestRefusalsOfAChannelThatIsGone(t *testing.T) {
	c := newClient(&world{start: time.Now()}, 0, clientSpec{kind: tagged})
	c.answering = map[string]token{}
	c.take(irc.MustParseMessage("@label=m1v0 :irc.test 403 ada #ops :No such channel"))
	if got := c.answers[token{n: 1}].refusals; len(got) != 1 || got[0].perhaps {
		t.Errorf("told are %v", got)
	}
	c.take(irc.MustParseMessage(":irc.test 403 ada #ops :No such channel"))
	if len(c.refusals) != 1 || !c.refusals[0].perhaps {
		t.Errorf("without a label: %v", c.refusals)
	}
}
