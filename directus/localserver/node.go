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

// minNode is the oldest major version of Node.js that the supported Directus versions were seen to run on.
const minNode = 20

// node is the Node.js found in PATH.
type node struct {
	path    string
	version string // "20.20.2"
	os      string // "linux"
	arch    string // "x64"
	abi     string // "115": compiled modules load in a Node.js of the same ABI only
}

// platform names what compiled modules depend on, for the name of a folder.
func (n node) platform() string { return n.os + "-" + n.arch + "-node" + n.abi }

// findNode asks the Node.js in PATH who it is.
func findNode(ctx context.Context) (node, error) {
	path, err := exec.LookPath("node")
	if err != nil {
		return node{}, fmt.Errorf("no Node.js was found, which Directus runs on: install Node.js %d or newer (https://nodejs.org) and make sure that \"node\" is in PATH", minNode)
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
		return node{}, fmt.Errorf("run %s: it did not tell its version: is it Node.js?", path)
	}
	n := node{path: path, version: f[0], os: f[1], arch: f[2], abi: f[3]}
	major, err := strconv.Atoi(strings.SplitN(n.version, ".", 2)[0])
	if err != nil || major < minNode {
		return node{}, fmt.Errorf("%s is Node.js %s, and Directus needs %d or newer: install a newer one (https://nodejs.org) and make sure that it comes first in PATH", path, n.version, minNode)
	}
	return n, nil
}

// stderrOf gives what a failed command wrote to its standard error, ready to follow the error's text.
func stderrOf(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || len(exit.Stderr) == 0 {
		return ""
	}
	return ":\n" + strings.TrimSpace(string(exit.Stderr))
}

// missingCompilers lists what npm needs where it finds no ready-made binary of a native module, and does not
// find in PATH.
func missingCompilers() []string {
	var missing []string
	for _, tool := range []struct {
		name  string
		names []string // any of them will do
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
