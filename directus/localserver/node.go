package localserver

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// minNode is the oldest major version of Node.js on which the supported versions of Directus were tried.
const minNode = 20

// node is the Node.js found in PATH.
type node struct {
	path    string
	version string // "20.20.2"
	os      string // "linux"
	arch    string // "x64"
	abi     string // "115": compiled modules load in a Node.js of the same ABI only
}

// platform names everything on which compiled modules depend. It is part of the name of an installation.
func (n node) platform() string { return n.os + "-" + n.arch + "-node" + n.abi }

// findNode finds Node.js in PATH and asks it for its version and platform.
func findNode(ctx context.Context) (node, error) {
	path, err := exec.LookPath("node")
	if err != nil {
		return node{}, fmt.Errorf("no Node.js was found, which Directus needs: install Node.js %d or newer (https://nodejs.org) and make sure that \"node\" is in PATH", minNode)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-p", `[process.versions.node, process.platform, process.arch, process.versions.modules].join(" ")`)
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return node{}, fmt.Errorf("run %s: %w%s", path, err, stderrOf(err))
	}
	f := strings.Fields(string(out))
	if len(f) != 4 {
		return node{}, fmt.Errorf("run %s: it printed no version: is it Node.js?", path)
	}
	n := node{path: path, version: f[0], os: f[1], arch: f[2], abi: f[3]}
	major, err := strconv.Atoi(strings.SplitN(n.version, ".", 2)[0])
	if err != nil || major < minNode {
		return node{}, fmt.Errorf("%s is Node.js %s, but Directus needs %d or newer: install a newer one (https://nodejs.org) and make sure that it comes first in PATH", path, n.version, minNode)
	}
	return n, nil
}

// stderrOf returns what a failed command wrote to its standard error, to be appended to the text of an error.
func stderrOf(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || len(exit.Stderr) == 0 {
		return ""
	}
	return ":\n" + strings.TrimSpace(string(exit.Stderr))
}

// missingCompilers lists the tools that are not in PATH and that npm needs to compile a native module for which
// there is no prebuilt binary.
func missingCompilers() []string {
	var missing []string
	for _, tool := range []struct {
		name  string
		names []string // commands that can do its work
	}{
		{"python3", []string{"python3", "python"}},
		{"make", []string{"make", "gmake"}},
		{"g++", []string{"g++", "c++", "clang++"}},
	} {
		if !anyInPath(tool.names) {
			missing = append(missing, tool.name)
		}
	}
	return missing
}

func anyInPath(names []string) bool {
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			return true
		}
	}
	return false
}
