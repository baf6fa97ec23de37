package needs

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// Ask asks on out whether to install what is missing, and takes a line of in for the answer. It returns e if that is not a
// yes.
func (e *Error) Ask(ctx context.Context, in io.Reader, out io.Writer) error {
	m := thisMachine()
	argv, ok := m.command(e.Programs)
	if !ok || !m.root && !m.sudo {
		return e
	}
	fmt.Fprintf(out, "not found: %s\nInstall with %q? [y/N] ", names(e.Programs), strings.Join(argv, " "))
	answer := make(chan string, 1)
	go func() { // it ends with the process if nobody answers: a read from a terminal cannot be interrupted
		line, _ := bufio.NewReader(in).ReadString('\n')
		answer <- strings.ToLower(strings.TrimSpace(line))
	}()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case yes := <-answer:
		if yes != "y" && yes != "yes" {
			return e
		}
		return e.Install(ctx, in, out)
	}
}

// Install installs the programs with the package manager of the system, as root or by sudo, and returns e where that is
// not possible. What the package manager says goes to out; sudo may ask for a password on the terminal.
func (e *Error) Install(ctx context.Context, in io.Reader, out io.Writer) error {
	m := thisMachine()
	install, ok := m.command(e.Programs)
	if !ok || !m.root && !m.sudo {
		return e
	}
	for _, argv := range unattended(install) {
		fmt.Fprintln(out, "$", strings.Join(argv, " "))
		cmd := exec.CommandContext(ctx, argv[0], argv[1:]...) // in the foreground of the terminal, for the password of sudo
		cmd.Stdin, cmd.Stdout, cmd.Stderr = in, out, out
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // dpkg ends in good order
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("%s: %w\n%w", strings.Join(argv, " "), err, e)
		}
	}
	if missing := slices.DeleteFunc(slices.Clone(e.Programs), func(p Program) bool { return p.Path() != "" }); len(missing) > 0 {
		return &Error{Programs: missing}
	}
	return nil
}

// unattended is how a script runs the line that people are told: apt learns first which packages there are, and nothing is
// asked.
func unattended(install []string) [][]string {
	i := 0
	if install[0] == "sudo" {
		i = 1
	}
	prefix := install[:i:i]
	if install[i] != "apt-get" {
		return [][]string{append(slices.Clone(install), "-y")}
	}
	return [][]string{
		append(prefix, "apt-get", "update", "-qq"),
		slices.Concat(prefix, []string{"env", "DEBIAN_FRONTEND=noninteractive"}, install[i:], []string{"-y", "-qq"}),
	}
}
