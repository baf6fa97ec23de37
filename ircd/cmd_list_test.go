package ircd

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"directus-ircd/ircd/ircdtest"
)

// TestListConditions: LIST has what ELIST offers, and offers times only where there are some.
func TestListConditions(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		now := time.Now()
		chat.features.Created, chat.features.TopicTimes = true, true
		chat.listed = slices.Values([]ChannelInfo{
			{Name: "#old", Created: now.Add(-48 * time.Hour), TopicAt: now.Add(-90 * time.Second)},
			{Name: "#new", Created: now.Add(-90 * time.Second), TopicAt: now.Add(-90 * time.Second)},
			{Name: "#messages"},
		})
		s := newTestServer(t, chat, nil)
		c := s.client()
		c.Send("PASS alice@example.com:pw-alice", "NICK alice", "USER x", "JOIN #messages")
		c.Expect(":irc.test 005 alice * ELIST=CMNTU *")
		c.Expect("* 366 *")
		s.inChannel("bob", "#messages")
		synced(c)
		for conditions, want := range map[string]string{
			"":                 "#old #new #messages",
			"C>60":             "#old",
			"C<60":             "#new",
			"C<1":              "",
			"c>0":              "#old #new",
			"T<2":              "#old #new",
			"T<2,C>60":         "#old",
			"T>1":              "",
			"C>0,#n*":          "#new",
			"C>0,!#n*":         "#old",
			">1":               "#messages",
			"<2":               "#old #new",
			"CT<2":             "",
			"C":                "",
			"C>":               "",
			"C>99999999999999": "",
			"#*,!#[nm]*":       "#old #new #messages",
		} {
			c.Send("LIST " + conditions)
			var names []string
			for _, line := range synced(c) {
				if strings.Contains(line, " 322 ") {
					names = append(names, strings.Fields(line)[3])
				}
			}
			if got := strings.Join(names, " "); got != want {
				t.Errorf("LIST %s lists %q, want %q", conditions, got, want)
			}
		}
	})
}

// TestLongListIsPaced: of ten thousand channels, no more are looked up than a client has taken, and
// one that takes its time keeps nobody waiting.
func TestLongListIsPaced(t *testing.T) {
	ircdtest.Bubble(t, func(t *testing.T) {
		chat := newFakeChat()
		const many = 10000
		var asked atomic.Int64
		chat.listed = func(yield func(ChannelInfo) bool) {
			for i := range many {
				asked.Add(1)
				if !yield(ChannelInfo{Name: fmt.Sprintf("#room-%d", i), Topic: "What is talked about in here"}) {
					return
				}
			}
		}
		s := newTestServer(t, chat, nil)
		bob := s.inChannel("bob", "#messages")
		slow, in := s.slow(t, "batch labeled-response")
		go slow.Write([]byte("@label=1 LIST\r\nPING :end\r\n"))
		for taken := 0; taken < many; {
			line, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(line, " 322 ") {
				taken++
			}
			if taken%1000 == 1 && strings.Contains(line, " 322 ") {
				synctest.Wait()
				// One piece waits, and as much is being written.
				if ahead := asked.Load() - int64(taken); ahead > 2*writeChunk/50 {
					t.Fatalf("%d channels are looked up ahead of the %d that were taken", ahead, taken)
				}
				chat.say(testUser("kevin"), "#messages", fmt.Sprint("meanwhile ", taken))
				bob.ExpectNext(fmt.Sprint("*PRIVMSG #messages :meanwhile ", taken))
			}
		}
		readUntil(t, in, "PONG")
		if n := asked.Load(); n != many {
			t.Errorf("%d channels were looked up", n)
		}
	})
}
