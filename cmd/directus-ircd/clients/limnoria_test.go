package clients

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// limnoria is a bot: what it does is seen from outside. Its screen is its log, which holds what it complains of, and the
// log of the channel, which holds what it was sent: it does not answer what comes in a batch of history, but logs it.
var limnoria = kind{
	name: "Limnoria", pkg: "limnoria", program: "supybot", version: "dpkg-query -W limnoria",
	prepare: func(t testing.TB, home string, a account) string {
		conf := fmt.Sprintf(`supybot.nick: %s
supybot.networks: chat
%s
supybot.reply.whenAddressedBy.chars: @
supybot.reply.withNickPrefix: False
supybot.drivers.maxReconnectWait: 2.0
supybot.log.stdout: False
supybot.plugins: ChannelLogger Format Misc
supybot.plugins.ChannelLogger: True
supybot.plugins.ChannelLogger.flushImmediately: True
supybot.plugins.Format: True
supybot.plugins.Misc: True`, a.nick, a.recipe(t, "Bots", 0))
		for _, dir := range []string{"backup", "conf", "data", "log", "data.tmp", "data.web"} {
			conf += fmt.Sprintf("\nsupybot.directories.%s: %s", dir, filepath.Join(home, dir))
		}
		write(t, filepath.Join(home, "bot.conf"), conf)
		return "exec supybot --allow-root bot.conf"
	},
	open: func(cmd *exec.Cmd) (screen, error) {
		return openFolder(cmd, folder{dir: filepath.Join(cmd.Dir, "log"), shown: "*messages.log", input: func(line string) (pipe, rest string) { return os.DevNull, line }})
	},
	in:  "Join to #messages on chat synced",
	bot: true,
}
