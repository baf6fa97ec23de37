package clients

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"testing"
)

// matrix is a table in Markdown: a row for each client, and a column for each step.
func (w *world) matrix() string {
	var b strings.Builder
	b.WriteString("| client |")
	for _, s := range steps {
		fmt.Fprintf(&b, " %s |", s.name)
	}
	b.WriteString("\n|" + strings.Repeat("---|", len(steps)+1) + "\n")
	for _, c := range w.all {
		fmt.Fprintf(&b, "| %s %s |", c.name, versionOf(cmp.Or(c.version, c.program+" --version")))
		passed := true
		for _, s := range steps {
			cell := c.cell(s.name)
			switch {
			case w.wrong[c][s.name] != nil:
				cell, passed = "no", false
			case !passed:
				cell = "?"
			}
			fmt.Fprintf(&b, " %s |", cell)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// cell is what stands in the matrix for a step that the client has passed.
func (k kind) cell(step string) string {
	switch {
	case k.bot && (step == "live" || step == "edit" || step == "gone"):
		return "–"
	case step == "ircd" && k.dies:
		return "again"
	case step == "ircd" && k.again != "":
		return "told"
	}
	return "yes"
}

// print shows the matrix, also in the file that CLIENTS_REPORT names: "go test" shows nothing of a test that passes.
func (w *world) print() {
	matrix := w.matrix()
	w.t.Logf("Directus %s:\n%s", w.dx.Version, matrix)
	if file := os.Getenv("CLIENTS_REPORT"); file != "" {
		if err := os.WriteFile(file, []byte(matrix), 0o644); err != nil {
			w.t.Error(err)
		}
	}
}

// The matrix of the manual is the one that TestClients prints, but for the versions.
func TestManualHasTheMatrix(t *testing.T) {
	var names []string
	for _, s := range steps {
		names = append(names, s.name)
	}
	text := section(t, "What was tried")
	if header := "| client | " + strings.Join(names, " | ") + " |"; !strings.Contains(text, header+"\n") {
		t.Errorf("the page on clients has no table %s", header)
	}
	for _, k := range kinds {
		var cells []string
		for _, s := range steps {
			cells = append(cells, k.cell(s.name))
		}
		_, row, _ := strings.Cut(text, "\n| "+k.name+" ")
		row, _, _ = strings.Cut(row, "\n")
		if want := " | " + strings.Join(cells, " | ") + " |"; !strings.HasSuffix(row, want) {
			t.Errorf("the page on clients says of %s %q, and the test %q", k.name, row, want)
		}
	}
	if n := strings.Count(text, "\n| "); n != len(kinds)+1 {
		t.Errorf("the page on clients has %d rows, for %d clients", n-1, len(kinds))
	}
}
