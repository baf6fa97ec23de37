package bridge

import (
	"errors"
	"strings"
	"testing"

	"directus-ircd/ircd"
)

func TestDevice(t *testing.T) {
	long := strings.Repeat("x", maxDevice)
	for _, c := range []struct{ account, secret, wantAccount, wantSecret, device string }{
		{"", "a@b.c/lap-top_1.0:p:w/d", "", "a@b.c:p:w/d", "lap-top_1.0"},
		{"", "a/b@b.c/" + long + ":pw", "", "a/b@b.c:pw", long},
		{"", "a/b@b.c:pw", "", "a/b@b.c:pw", ""},
		{"", "token/with/slashes", "", "token/with/slashes", ""},
		{"", "token/laptop:se:c/ret@x", "token", "se:c/ret@x", "laptop"},
		{"kevin", "token/laptop:secret", "token", "secret", "laptop"},
		{"", "token:x", "", "token:x", ""},
		{"", "pass/word:1", "", "pass/word:1", ""},
		{"a@b.c/laptop", "p@w/x:y", "a@b.c", "p@w/x:y", "laptop"},
		{"a@b.c", "p@w/x:y", "a@b.c", "p@w/x:y", ""},
		{"token/laptop", "p@w/x:y", "token", "p@w/x:y", "laptop"},
		{"kevin/laptop", "pw", "kevin", "pw", "laptop"},
		{"kevin", "a@b.c/laptop:pw", "kevin", "a@b.c:pw", "laptop"},
		{"", "a@b.c/:pw", "", "", "refused"},
		{"", "a@b.c/" + long + "x:pw", "", "", "refused"},
		{"", "a@b.c/lap top:pw", "", "", "refused"},
		{"a@b.c/a/b", "pw", "", "", "refused"},
		{"kevin/ä", "pw", "", "", "refused"},
	} {
		got, device, err := scheme{}.deviceOf(ircd.Credentials{Account: c.account, Secret: c.secret, Nick: "x"})
		if c.device == "refused" {
			var refused *ircd.LoginError
			if !errors.As(err, &refused) || refused.Reason != ircd.Rejected || !strings.Contains(err.Error(), "letters, digits") {
				t.Errorf("%q %q: got %v", c.account, c.secret, err)
			}
			continue
		}
		if err != nil || device.name != c.device || device.bot || got != (ircd.Credentials{Account: c.wantAccount, Secret: c.wantSecret, Nick: "x"}) {
			t.Errorf("%q %q: got %+v, %+v, %v", c.account, c.secret, got, device, err)
		}
	}
}

// TestBotDevice: the device "bot" has no name, so that nothing is kept of it; one that has a name
// behind "bot-" has missed something when it comes back.
func TestBotDevice(t *testing.T) {
	for name, want := range map[string]device{
		"bot": {bot: true}, "BOT": {bot: true}, "bot-relay": {"bot-relay", true}, "Bot-1-2": {"Bot-1-2", true},
		"bot-": {"bot-", false}, "bots": {"bots", false}, "robot": {"robot", false}, "my-bot": {"my-bot", false}, "bot.relay": {"bot.relay", false}, "laptop": {"laptop", false},
	} {
		for _, cred := range []ircd.Credentials{{Account: "a@b.c/" + name, Secret: "pw"}, {Secret: "a@b.c/" + name + ":pw"}, {Account: "token/" + name}, {Secret: "token/" + name + ":x"}} {
			if _, got, err := (scheme{}).deviceOf(cred); err != nil || got != want {
				t.Errorf("%+v: got %+v, %v", cred, got, err)
			}
		}
	}
}

// A device follows a name without "@" too, where the provider has such.
func TestDeviceWithProvider(t *testing.T) {
	for _, c := range []struct{ template, account, secret, wantAccount, wantSecret, device string }{
		{"", "", "kevin/laptop:p:w/d", "", "kevin:p:w/d", "laptop"},
		{"", "kevin/laptop", "p@w/x:y", "kevin", "p@w/x:y", "laptop"},
		{"", "kevin", "p@w/x:y", "kevin", "p@w/x:y", ""},
		{"{nick}", "", "pass/word:1", "", "pass/word:1", ""},
		{"{nick}", "kevin/laptop", "p@w/x:y", "kevin", "p@w/x:y", "laptop"},
	} {
		w := scheme{provider: "ldap", template: c.template}
		got, device, err := w.deviceOf(ircd.Credentials{Account: c.account, Secret: c.secret, Nick: "x"})
		if err != nil || device.name != c.device || device.bot || got != (ircd.Credentials{Account: c.wantAccount, Secret: c.wantSecret, Nick: "x"}) {
			t.Errorf("%q %q: got %+v, %+v, %v", c.account, c.secret, got, device, err)
		}
	}
}
