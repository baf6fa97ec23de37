package simulation

import (
	"strings"
	"testing"
	"time"

	irc "gopkg.in/irc.v4"
)

// A client asks for one page after the other, and for none twice: one that is out of the channel asks when it has joined, and
// goes on from no page that it was given before that.
func TestPagesAreAskedForOnce(t *testing.T) {
	c := newClient(&world{start: time.Now(), names: []string{"#dev"}}, 0, clientSpec{kind: paging, page: 10})
	c.out, c.nick, c.batches = make(chan string, 100), "ada", map[string]batch{}
	c.filling, c.missing, c.behind = map[string]bool{}, map[string]bool{}, map[string]string{}
	c.stays, c.probed = []stay{{}}, map[string]probe{}
	asked := func(lines ...string) (n int) {
		for _, line := range lines {
			c.take(irc.MustParseMessage(line))
		}
		for len(c.out) > 0 {
			if strings.HasPrefix(<-c.out, "CHATHISTORY") {
				n++
			}
		}
		return n
	}
	joined := []string{":ada!a@b JOIN #dev", ":irc.test 366 ada #dev :End"}
	page := func(ref, id string) []string {
		return []string{"BATCH +" + ref + " chathistory #dev", "@batch=" + ref + ";msgid=" + id + " :bob!b@b PRIVMSG #dev :m1v0 lorem"}
	}
	for i, step := range []struct {
		lines []string
		tend  bool
		want  int
	}{
		{lines: joined, want: 1},
		{lines: append(page("1", "1"), "BATCH -1"), want: 1},
		{lines: []string{"FAIL CHATHISTORY MESSAGE_ERROR AFTER #dev :later"}, tend: true, want: 1},
		{lines: []string{"FAIL CHATHISTORY MESSAGE_ERROR AFTER #dev :later", ":irc.test KICK #dev ada :no"}, tend: true, want: 0},
		{lines: append(joined, page("2", "2")...), want: 1},
		{lines: append([]string{":irc.test KICK #dev ada :no"}, joined...), want: 1},
		{lines: []string{"BATCH -2"}, want: 0},
	} {
		n := asked(step.lines...)
		if step.tend {
			c.tend()
			n += asked()
		}
		if n != step.want {
			t.Errorf("step %d: asked %d times, want %d", i, n, step.want)
		}
	}
}

// What comes live while pages are asked for says nothing of what is in front of it: the pages may never come.
func TestLinesInFrontOfPages(t *testing.T) {
	c := newClient(&world{start: time.Now()}, 0, clientSpec{kind: paging, page: 10})
	c.nick, c.stays, c.batches, c.behind = "ada", []stay{{}}, map[string]batch{}, map[string]string{}
	for _, filling := range []bool{true, false} {
		c.filling = map[string]bool{"#dev": filling}
		c.see(irc.MustParseMessage("@msgid=1 :bob!b@b PRIVMSG #dev :m1v0 lorem"))
		if s := c.sights[len(c.sights)-1]; s.ahead != filling {
			t.Errorf("while pages are asked for %v: %+v", filling, s)
		}
	}
}
