// Package completion writes what shells need to complete the command line of a program: one
// script for each shell, made from the commands and flags that kong has read.
package completion

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Shells are those that scripts are written for.
var Shells = []string{"bash", "zsh", "fish"}

// Words are what may follow a command, by its name.
type Words map[string][]string

// Script is the script of a shell for a program with one level of commands. It is the same for
// the same program, byte by byte.
func Script(shell string, app *kong.Application, words Words) (string, error) {
	commands := read(app, words)
	switch shell {
	case "bash":
		return bash(app.Name, commands), nil
	case "zsh":
		return zsh(app.Name, commands), nil
	case "fish":
		return fish(app.Name, commands), nil
	}
	return "", fmt.Errorf("there is no completion for the shell %q, only for %s", shell, strings.Join(Shells, ", "))
}

// command is a command as a shell completes it. The first one has no name: it is the program itself.
type command struct {
	name, about string
	flags       []flag
	words       []string
}

type flag struct {
	name  string
	short rune // 0: there is none
	about string
	value value
}

// value is what follows a flag.
type value int

const (
	none value = iota
	file
	folder
	other // nothing that a shell could know
)

func read(app *kong.Application, words Words) []command {
	program := command{flags: flagsOf(app.Node)}
	commands := []command{program}
	for _, node := range app.Children {
		if node.Hidden {
			continue
		}
		flags := append(flagsOf(node), program.flags...)
		if i := slices.IndexFunc(flags, func(f flag) bool { return f.name == "version" }); i >= 0 {
			flags = slices.Delete(flags, i, i+1)
		}
		commands = append(commands, command{name: node.Name, about: sentence(node.Help), flags: flags, words: words[node.Name]})
	}
	return commands
}

func flagsOf(node *kong.Node) (flags []flag) {
	for _, f := range node.Flags {
		if f.Hidden {
			continue
		}
		flags = append(flags, flag{name: f.Name, short: f.Short, about: sentence(f.Help), value: valueOf(f)})
	}
	return flags
}

func valueOf(f *kong.Flag) value {
	switch {
	case f.IsBool():
		return none
	case f.PlaceHolder == "FILE":
		return file
	case f.PlaceHolder == "DIR":
		return folder
	}
	return other
}

// sentence is the beginning of a help text up to its first full stop, which is all that fits beside
// a word in a list. Defaults in parentheses are left out.
func sentence(help string) string {
	for i, r := range help {
		if (r == '.' || r == ';') && (i+1 == len(help) || help[i+1] == ' ') {
			help = help[:i]
			break
		}
	}
	if i := strings.LastIndex(help, " ("); i >= 0 && strings.HasSuffix(help, ")") {
		help = help[:i]
	}
	return help
}
