package clients

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// kinds are the clients, in the order of the matrix.
var kinds = []kind{
	{
		name: "irssi", pkg: "irssi", program: "irssi",
		prepare: func(t testing.TB, home string, a account) string {
			write(t, filepath.Join(home, "startup"), "/set show_server_time on\n/set server_reconnect_time 2s\n"+a.recipe(t, "irssi", 1))
			return "exec irssi --home=" + home
		},
		in:      "[Act: 2]",
		channel: "/window goto #messages", private: "/window goto Ada", others: []string{"/window 1"},
	},
	{
		name: "WeeChat", pkg: "weechat-curses", program: "weechat-curses",
		prepare: func(t testing.TB, home string, a account) string {
			command := "exec weechat-curses -d " + home + " -r '/set irc.server_default.autoreconnect_delay 2'"
			for line := range strings.Lines(beforeWeeChat4(a.recipe(t, "WeeChat", 1))) {
				command += " -r '" + strings.TrimSpace(line) + "'"
			}
			return command
		},
		channel: "/buffer irc.chat.#messages", private: "/buffer irc.chat.Ada", others: []string{"/buffer core.weechat"},
	},
	{
		name: "sic", pkg: "sic", program: "sic", version: "sic -v",
		prepare: func(t testing.TB, _ string, a account) string {
			return "stty -echo; exec " + a.recipe(t, "sic and ii", 0)
		},
		join: ":s #messages", whisper: ":m Ada", dies: true,
	},
	{
		name: "ii", pkg: "ii", program: "ii", version: "dpkg-query -W ii",
		prepare: func(t testing.TB, _ string, a account) string {
			return "exec env " + a.recipe(t, "sic and ii", 1) + " -i irc"
		},
		open: func(cmd *exec.Cmd) (screen, error) {
			server := filepath.Join(cmd.Dir, "irc", "127.0.0.1")
			return openFolder(cmd, folder{dir: server, shown: "out", input: func(line string) (pipe, rest string) {
				if text, ok := strings.CutPrefix(line, "/msg Ada "); ok {
					return filepath.Join(server, "ada", "in"), text
				}
				return filepath.Join(server, "#messages", "in"), line
			}})
		},
		dies: true, keeps: true,
	},
	{
		name: "catgirl", pkg: "catgirl", program: "catgirl", version: "dpkg-query -W catgirl",
		prepare: func(t testing.TB, _ string, a account) string {
			return "exec " + a.recipe(t, "catgirl", 0) + " -t " + a.certificate
		},
		channel: "/window #messages", private: "/window Ada", others: []string{"/window 0"}, dies: true,
	},
	{
		name: "EPIC5", pkg: "epic5", program: "epic5", version: "epic5 -v",
		prepare: func(t testing.TB, _ string, a account) string { return "exec " + a.recipe(t, "EPIC5", 0) },
		again:   "/reconnect",
	},
	{
		name: "ScrollZ", pkg: "scrollz", program: "scrollz", version: "dpkg-query -W scrollz",
		prepare: func(t testing.TB, home string, a account) string {
			write(t, filepath.Join(home, ".scrollzrc"), a.recipe(t, "ScrollZ", 1))
			return "exec " + a.recipe(t, "ScrollZ", 0)
		},
		again:     "/server 0",
		forgetful: true,
	},
	hexchat,
	limnoria,
}

// beforeWeeChat4 turns a recipe into the language of WeeChat before 4.0, as the page says.
func beforeWeeChat4(recipe string) string {
	if strings.HasPrefix(versionOf("weechat-curses --version"), "3.") {
		return strings.ReplaceAll(recipe, "-notls", "-nossl")
	}
	return recipe
}

func write(t testing.TB, file, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}
