package main

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"directus-ircd/cmd/directus-ircd/config"
	"directus-ircd/deploy/man"
	"directus-ircd/deploy/man/mantest"
	"directus-ircd/ircd"
	"directus-ircd/ircd/ircdtest"
)

// maxReadme keeps the README short enough to be read. Bytes.
const maxReadme = 15000

// linesOfCode lists the lines of the blocks of code of a text.
func linesOfCode(text string) (lines []string) {
	for _, block := range mantest.Blocks(text) {
		lines = append(lines, strings.Split(block.Code, "\n")...)
	}
	return lines
}

func TestReadmeIsShort(t *testing.T) {
	if n := len(mantest.Texts(t)["README.md"]); n > maxReadme {
		t.Errorf("the README has %d bytes: what is beyond %d belongs into the manual", n, maxReadme)
	}
}

// What the server offers is explained.
func TestManualNamesEveryCapability(t *testing.T) {
	page := mantest.Page(t, "clients")
	ircdtest.Bubble(t, func(t *testing.T) {
		cfg := config.Default()
		cfg.Directus.URL = "http://directus.example.com"
		cfg.Server.Name, cfg.Private.Collection = "irc.test", "letters"
		d, err := newDaemon(cfg, serveOptions{Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		ln := ircdtest.NewListener()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- d.server.Serve(ctx, ln, ircd.ListenOptions{STS: func(string) string { return "port=6697" }})
		}()
		c := ln.Dial(t)
		c.Send("CAP LS 302")
		_, list, _ := strings.Cut(c.Expect("* CAP * LS *"), " LS :")
		for word := range strings.FieldsSeq(list) {
			if name, _, _ := strings.Cut(word, "="); !strings.Contains(page, "`"+name+"`") {
				t.Errorf("directus-ircd-clients(7) does not explain %s", name)
			}
		}
		if n := len(strings.Fields(list)); n < 25 {
			t.Errorf("only %d capabilities: %q", n, list)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := d.backend.Close(t.Context()); err != nil {
			t.Error(err)
		}
		d.client.Close()
	})
}

// flagsOf are the flags of each command, long and short ones, with their dashes.
func flagsOf(t *testing.T) map[string]map[string]bool {
	t.Helper()
	parser, err := kong.New(&cli{}, kong.Vars{"config_file": defaultConfigFile})
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]map[string]bool{}
	for _, command := range parser.Model.Children {
		commands[command.Name] = map[string]bool{"--help": true}
		for _, f := range command.Flags {
			commands[command.Name]["--"+f.Name] = true
			if f.Short != 0 {
				commands[command.Name]["-"+string(f.Short)] = true
			}
		}
	}
	return commands
}

var (
	ourCommand = regexp.MustCompile(`(?:^|/|"| )directus-ircd +([a-z]+)(.*)`)
	aFlag      = regexp.MustCompile(`(?:^|[ \[])(--?[a-z][a-z-]*)`)
)

// TestManualCommandsExist: each command, flag and topic that the texts name is one of the program.
func TestManualCommandsExist(t *testing.T) {
	commands, found := flagsOf(t), 0
	check := func(name, command, rest string) {
		found++
		flags := commands[command]
		if flags == nil {
			t.Errorf("%s: there is no command %s", name, command)
			return
		}
		rest, _, _ = strings.Cut(rest, "#")
		for _, f := range aFlag.FindAllStringSubmatch(rest, -1) {
			if !flags[f[1]] {
				t.Errorf("%s: %s has no flag %s", name, command, f[1])
			}
		}
		if topic := strings.TrimSpace(rest); command == "help" && topic != "" && strings.ToLower(topic) == topic {
			if _, ok := man.Find(topic); !ok {
				t.Errorf("%s: there is no help on %s", name, topic)
			}
		}
	}
	for name, text := range mantest.Texts(t) {
		spans := mantest.Spans(text)
		for _, code := range slices.Concat(spans, linesOfCode(text)) {
			if c := ourCommand.FindStringSubmatch(code); c != nil {
				check(name, c[1], c[2])
			}
		}
		for _, span := range spans {
			word, rest, _ := strings.Cut(span, " ")
			switch {
			case commands[word] != nil && strings.HasPrefix(rest, "-"):
				check(name, word, " "+rest)
			case strings.HasPrefix(span, "--"):
				found++
				flag := aFlag.FindStringSubmatch(span)[1]
				if !slices.ContainsFunc(slices.Collect(maps.Values(commands)), func(c map[string]bool) bool { return c[flag] }) {
					t.Errorf("%s: no command has a flag %s", name, flag)
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d commands and flags were found", found)
	}
}

// TestManualNamesEveryFlag: directus-ircd(1) leaves out no command and no flag.
func TestManualNamesEveryFlag(t *testing.T) {
	page := mantest.Page(t, "commands")
	for command, flags := range flagsOf(t) {
		if !strings.Contains(page, "directus-ircd "+command) {
			t.Errorf("directus-ircd(1) does not name %s", command)
		}
		for flag := range flags {
			if !regexp.MustCompile("`"+flag+"[ =`]").MatchString(page) && flag != "--help" && flag != "-h" {
				t.Errorf("directus-ircd(1) does not describe %s of %s", flag, command)
			}
		}
	}
}

var (
	sourcePath = regexp.MustCompile(`(?:^| )(\./(?:cmd|ircd|bridge|directus)(?:/[\w/-]+)?)`)
	testFlag   = regexp.MustCompile(`-((?:faults|simulate)\.[a-z]+)`)
	benchName  = regexp.MustCompile("(?m)^(?:\\* )?`([A-Z][A-Za-z]+)`")
)

// TestManualTestsExist: the packages, flags of tests and benchmarks that the texts name are there.
func TestManualTestsExist(t *testing.T) {
	files, err := filepath.Glob("*/*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var source strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	for name, text := range mantest.Texts(t) {
		for _, code := range slices.Concat(mantest.Spans(text), linesOfCode(text)) {
			for _, path := range sourcePath.FindAllStringSubmatch(code, -1) {
				if _, err := os.Stat(filepath.Join("../..", path[1])); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			for _, flag := range testFlag.FindAllStringSubmatch(code, -1) {
				if !strings.Contains(source.String(), `"`+flag[1]+`"`) {
					t.Errorf("%s: no test has a flag %s", name, flag[1])
				}
			}
		}
	}
	_, performance, _ := strings.Cut(mantest.Page(t, "reliability"), "\n## Performance\n")
	for _, bench := range benchName.FindAllStringSubmatch(performance, -1) {
		if !strings.Contains(source.String(), "func Benchmark"+bench[1]+"(") {
			t.Errorf("directus-ircd-reliability(7): there is no benchmark %s", bench[1])
		}
	}
}

var (
	quotedError = regexp.MustCompile("(?m)^\\* (`[^`]+`(?:,\\s+`[^`]+`)*)[^`]*?:")
	numeric     = regexp.MustCompile(`^\d{3}\b`)
)

// TestManualQuotesErrors: whoever looks for a message finds it, as the program still writes it.
func TestManualQuotesErrors(t *testing.T) {
	var source strings.Builder
	err := filepath.WalkDir("../..", func(path string, _ os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		source.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for topic, title := range map[string]string{"users": "\n## When something goes wrong\n", "operators": "\n## Troubleshooting\n"} {
		_, section, _ := strings.Cut(mantest.Page(t, topic), title)
		for _, entry := range quotedError.FindAllStringSubmatch(section, -1) {
			for _, quoted := range mantest.Spans(entry[1]) {
				for part := range strings.SplitSeq(numeric.ReplaceAllString(quoted, ""), "…") {
					found++
					if part = strings.TrimSpace(part); !strings.Contains(source.String(), part) {
						t.Errorf("directus-ircd-%s(7) quotes %q, which nothing says", topic, part)
					}
				}
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d parts of messages were found", found)
	}
}
