// Package man holds the manual pages. They are Markdown that a terminal of 80 columns shows as it stands.
package man

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

//go:embed *.md
var files embed.FS

// Page is one manual page.
type Page struct {
	// File is its name in this folder, such as directus-ircd-users.7.md.
	File string
	// Topic is what it is asked for by, such as users.
	Topic string
	// Title is its name and section, such as directus-ircd-users(7).
	Title string
	// About says in a line what it is about.
	About string
	// Markdown is the whole page.
	Markdown string
}

// fileName takes a page's name, its topic and its section apart.
var fileName = regexp.MustCompile(`^(directus-ircd(?:[.-](\w+))?)\.(\d)\.md$`)

// Pages are all manual pages: commands, files, then the rest (sections 1, 5, 7).
func Pages() []Page {
	entries, err := files.ReadDir(".")
	if err != nil {
		panic(err) // the embedded folder is there
	}
	var pages []Page
	for _, e := range entries {
		text, err := files.ReadFile(e.Name())
		name := fileName.FindStringSubmatch(e.Name())
		if err != nil || name == nil {
			panic(fmt.Sprintf("%s is no manual page: %v", e.Name(), err))
		}
		p := Page{File: e.Name(), Topic: name[2], Title: name[1] + "(" + name[3] + ")", Markdown: string(text)}
		if p.Topic == "" {
			p.Topic = "commands"
		}
		// The line below the title is "directus-ircd-users - what it is about".
		_, p.About, _ = strings.Cut(strings.SplitN(p.Markdown, "\n", 4)[2], " - ")
		pages = append(pages, p)
	}
	slices.SortStableFunc(pages, func(a, b Page) int { return int(a.section()) - int(b.section()) })
	return pages
}

func (p Page) section() byte { return p.Title[len(p.Title)-2] }

// Find returns the page of a topic. The names of the page do as well: "directus-ircd-users",
// "directus-ircd-users.7" and "directus-ircd-users(7)" are users.
func Find(topic string) (Page, bool) {
	pages := Pages()
	i := slices.IndexFunc(pages, func(p Page) bool {
		file := strings.TrimSuffix(p.File, ".md")
		return slices.Contains([]string{p.Topic, p.Title, p.File, file, file[:len(file)-2]}, topic)
	})
	if i < 0 {
		return Page{}, false
	}
	return pages[i], true
}

// pageLink is a Markdown link to another page, or to a file beside it.
var pageLink = regexp.MustCompile(`\[([^\]]+)\]\([^):]+\)`)

// Terminal is the page as a terminal shows it: of links to other pages and to sections only
// the text is left, which names them.
func (p Page) Terminal() string { return pageLink.ReplaceAllString(p.Markdown, "$1") }
