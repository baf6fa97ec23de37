package directus_test

import (
	"testing"
	"time"

	"directus-ircd/directus/directustest"
)

// Whatever Directus does not answer while a link comes up, the link ends as soon as it is told to; after a refresh is
// looked for a moment, as its answer holds the only key to the session.
func TestRunEndsAtOnce(t *testing.T) {
	rest := func(path string) func(*directustest.Fake) {
		return func(f *directustest.Fake) {
			f.OnREST(func(r directustest.RESTRequest) directustest.RESTVerdict {
				return directustest.RESTVerdict{Hang: r.Path == path}
			})
		}
	}
	frame := func(kind string) func(*directustest.Fake) {
		return func(f *directustest.Fake) {
			f.OnFrame(func(m directustest.FakeFrame) directustest.FrameVerdict {
				return directustest.FrameVerdict{Skip: m.Type == kind}
			})
		}
	}
	for name, freeze := range map[string]func(*directustest.Fake){
		"server info": rest("/server/info"), "refresh": rest("/auth/refresh"), "upgrade": rest("/websocket"),
		"who it is": rest("/users/me"), "auth": frame("auth"), "subscribe": frame("subscribe"),
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, directustest.FakeOptions{AccessTTL: time.Minute}, func(r *rig) {
				a := r.login()
				time.Sleep(50 * time.Second) // so that a refresh is due
				freeze(r.fake)
				l := run(r.t, a)
				follow(r.t, l.Realtime, "messages")
				time.Sleep(2 * time.Second) // into the middle of what is not answered
				begin := time.Now()
				l.stop()
				<-l.ended
				if took := time.Since(begin); took > 2*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		})
	}
}
