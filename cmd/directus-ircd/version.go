package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is the version of a release, such as 1.2.3. The command that makes releases sets it by
// the linker's -X; in all other builds it is empty.
var release string

type versionCmd struct {
	JSON bool `help:"Print it as a JSON object."`
}

// build says what this program was made from.
type build struct {
	// Version is that of the release, else the module's as the Go tool recorded it: a
	// pseudo-version made from the commit, or "devel".
	Version string `json:"version"`
	// Commit is the revision, or "unknown" where the build recorded none, as under "go run".
	Commit string `json:"commit"`
	// Changed: the tree had changes that are in no commit.
	Changed bool `json:"changed"`
	// Date is the commit's, in the form of RFC 3339, or empty.
	Date string `json:"date,omitempty"`
	Go   string `json:"go"`
	// Platform is the operating system and the architecture, such as linux/amd64.
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: version(), Commit: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = s.Value
		case "vcs.time":
			b.Date = s.Value
		case "vcs.modified":
			b.Changed = s.Value == "true"
		}
	}
	return b
}

func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "devel"
	}
	return info.Main.Version
}

// String is one line: version, commit and Go release.
func (b build) String() string {
	commit := b.Commit[:min(len(b.Commit), 12)]
	if b.Changed {
		commit += "+changes"
	}
	return fmt.Sprintf("directus-ircd %s (commit %s, %s, %s)", b.Version, commit, b.Go, b.Platform)
}

// Run prints the version in a line, or as JSON.
func (c *versionCmd) Run(env *environment) error {
	if c.JSON {
		out := json.NewEncoder(env.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(thisBuild())
	}
	_, err := fmt.Fprintln(env.Stdout, thisBuild())
	return err
}
