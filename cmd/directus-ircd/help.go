package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/term"

	"directus-ircd/deploy/man"
)

// helpCmd shows the manual pages, which are part of the program.
type helpCmd struct {
	Topic string `arg:"" optional:"" help:"What to read about; without it the topics are listed."`
}

// Run shows the page of the topic, or lists the topics.
func (c *helpCmd) Run(env *environment) error {
	if c.Topic == "" {
		_, err := io.WriteString(env.Stdout, helpTopics())
		return err
	}
	page, ok := man.Find(c.Topic)
	if !ok {
		return usageError{fmt.Errorf("there is no help on %q. %sThe flags of a command: directus-ircd COMMAND --help", c.Topic, helpTopics())}
	}
	return showPage(env.Stdout, page.Terminal())
}

func helpTopics() string {
	var list strings.Builder
	list.WriteString("The topics of \"directus-ircd help TOPIC\":\n\n")
	for _, p := range man.Pages() {
		fmt.Fprintf(&list, "  %-12s %s\n", p.Topic, p.About)
	}
	list.WriteString("\n")
	return list.String()
}

// noCommand is how a shell ends that cannot find what it should run.
const noCommand = 127

// showPage writes a text, on a terminal through the program that PAGER names. Where there is
// no such program the text is written as it is.
func showPage(out io.Writer, text string) error {
	pager := os.Getenv("PAGER")
	if terminal, ok := out.(*os.File); ok && pager != "" && term.IsTerminal(int(terminal.Fd())) {
		cmd := exec.Command("sh", "-c", pager) // a command with arguments, as man(1) takes it
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), terminal, os.Stderr
		err := cmd.Run()
		if ended, ok := errors.AsType[*exec.ExitError](err); err == nil || ok && ended.ExitCode() != noCommand {
			return nil
		}
	}
	_, err := io.WriteString(out, text)
	return err
}
