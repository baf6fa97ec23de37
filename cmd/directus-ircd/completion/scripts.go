package completion

import (
	"fmt"
	"strings"
)

// bash completes by a function that looks for the command among the words, and then at the word
// before the cursor.
func bash(program string, commands []command) string {
	var b strings.Builder
	function := "_" + strings.ReplaceAll(program, "-", "_")
	fmt.Fprintf(&b, `# Completion of %s for bash.

%s() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command= word
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		case $word in
		%s) command=$word; break ;;
		esac
	done
	COMPREPLY=()
`, program, function, strings.Join(names(commands), " | "))
	b.WriteString("\tcase $command:$previous in\n")
	for _, c := range commands {
		for _, v := range []struct {
			value  value
			action string
		}{
			{file, `mapfile -t COMPREPLY < <(compgen -f -- "$current"); compopt -o filenames 2>/dev/null; return`},
			{folder, `mapfile -t COMPREPLY < <(compgen -d -- "$current"); compopt -o filenames 2>/dev/null; return`},
			{other, "return"},
		} {
			var patterns []string
			for _, f := range c.flags {
				if f.value == v.value {
					for _, spelt := range f.spelt() {
						patterns = append(patterns, c.name+":"+spelt)
					}
				}
			}
			if patterns != nil {
				fmt.Fprintf(&b, "\t%s) %s ;;\n", strings.Join(patterns, " | "), v.action)
			}
		}
	}
	b.WriteString("\tesac\n\tlocal words=\n\tcase $command in\n")
	for _, c := range commands {
		words := c.words
		if c.name == "" {
			words = names(commands)
		}
		for _, f := range c.flags {
			words = append(words[:len(words):len(words)], f.spelt()...)
		}
		name := c.name
		if name == "" {
			name = "''"
		}
		fmt.Fprintf(&b, "\t%s) words='%s' ;;\n", name, strings.Join(words, " "))
	}
	fmt.Fprintf(&b, `	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F %s %s
`, function, program)
	return b.String()
}

// zsh completes by _arguments, once for the program and once for the command.
func zsh(program string, commands []command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %s\n# Completion of %[1]s for zsh.\n\nlocal curcontext=$curcontext state line\n", program)
	b.WriteString("_arguments -C")
	for _, f := range commands[0].flags {
		b.WriteString(" \\\n\t" + f.zsh())
	}
	b.WriteString(" \\\n\t'1:command:->command' \\\n\t'*::argument:->arguments'\n\ncase $state in\ncommand)\n\tlocal -a commands=(\n")
	for _, c := range commands[1:] {
		fmt.Fprintf(&b, "\t\t%s\n", quoted(c.name+":"+strings.ReplaceAll(c.about, ":", `\:`)))
	}
	b.WriteString("\t)\n\t_describe command commands\n\t;;\narguments)\n\tcase $line[1] in\n")
	for _, c := range commands[1:] {
		fmt.Fprintf(&b, "\t%s)\n\t\t_arguments", c.name)
		for _, f := range c.flags {
			b.WriteString(" \\\n\t\t\t" + f.zsh())
		}
		if c.words != nil {
			b.WriteString(" \\\n\t\t\t" + quoted("1:word:("+strings.Join(c.words, " ")+")"))
		}
		b.WriteString("\n\t\t;;\n")
	}
	b.WriteString("\tesac\n\t;;\nesac\n")
	return b.String()
}

// zshSpecial is what has a meaning in the description of a flag.
var zshSpecial = strings.NewReplacer("[", `\[`, "]", `\]`, ":", `\:`)

func (f flag) zsh() string {
	action := map[value]string{file: ":file:_files", folder: ":folder:_files -/", other: ":value:"}[f.value]
	description := "[" + zshSpecial.Replace(f.about) + "]" + action
	if f.short == 0 {
		return quoted("--" + f.name + description)
	}
	spelt := f.spelt()
	return fmt.Sprintf("'(%s)'{%s}%s", strings.Join(spelt, " "), strings.Join(spelt, ","), quoted(description))
}

// fish completes by single rules, each with the condition that it holds under.
func fish(program string, commands []command) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Completion of %s for fish.\n\ncomplete -c %[1]s -f\n", program)
	for _, c := range commands {
		condition := "__fish_seen_subcommand_from " + c.name
		if c.name == "" {
			condition = "not __fish_seen_subcommand_from " + strings.Join(names(commands), " ")
		} else {
			fmt.Fprintf(&b, "complete -c %s -n %s -a %s -d %s\n", program,
				quoted("not __fish_seen_subcommand_from "+strings.Join(names(commands), " ")), c.name, quoted(c.about))
		}
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c %s -n %s -l %s", program, quoted(condition), f.name)
			if f.short != 0 {
				fmt.Fprintf(&b, " -s %c", f.short)
			}
			b.WriteString(map[value]string{file: " -r -F", folder: " -x -a '(__fish_complete_directories)'", other: " -x"}[f.value])
			fmt.Fprintf(&b, " -d %s\n", quoted(f.about))
		}
		if c.words != nil {
			fmt.Fprintf(&b, "complete -c %s -n %s -a %s\n", program, quoted(condition), quoted(strings.Join(c.words, " ")))
		}
	}
	return b.String()
}

// spelt is how a flag may be written, the short way first.
func (f flag) spelt() (ways []string) {
	if f.short != 0 {
		ways = append(ways, "-"+string(f.short))
	}
	return append(ways, "--"+f.name)
}

// names are those of the commands, without the program's own.
func names(commands []command) (list []string) {
	for _, c := range commands[1:] {
		list = append(list, c.name)
	}
	return list
}

// quoted is a text in the single quotes that all three shells have.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
