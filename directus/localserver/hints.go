package localserver

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// hint says what to do about a common fault, which marks in the output of npm tell. Of a list the first one that fits is
// shown, so more specific ones come first.
type hint struct {
	marks []string
	text  string
}

const (
	diskFull  = "the disk is full: free some space and try again"
	noNetwork = "check the network and npm's \"registry\" and \"proxy\" settings, and try again"
)

// registryHints are for the steps that download from the package registry.
var registryHints = []hint{
	{[]string{"ENOSPC", "no space left on device"}, diskFull},
	{[]string{"ETARGET", "E404"}, "the package registry does not have this version of Directus or of one of its dependencies: choose another version, or check npm's \"registry\" setting"},
	{[]string{"ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH", "ERR_SOCKET_TIMEOUT", "E503", "E502"},
		"npm could not reach the package registry: " + noNetwork},
	{[]string{"UNABLE_TO_GET_ISSUER_CERT", "SELF_SIGNED_CERT", "CERT_HAS_EXPIRED"},
		"npm does not trust the certificate of the package registry: set NODE_EXTRA_CA_CERTS to the file with the certificate of its authority"},
	{[]string{"E401", "E403"}, "the package registry refused access: check npm's \"registry\" setting and its login"},
	{[]string{"EACCES", "EPERM"}, "npm cannot write to one of its folders: check the owner of the cache directory and of ~/.npm"},
}

// compilerHints are for the step that compiles. Each module first asks for a prebuilt binary, and where that cannot be
// reached it goes on without: the network is to blame only if the headers of Node.js are missing for that reason.
var compilerHints = []hint{
	{[]string{"ENOSPC", "No space left on device"}, diskFull},
	{[]string{"Killed signal terminated program", "cannot allocate memory", "virtual memory exhausted"},
		"the compiler ran out of memory: it needs about 1 GB"},
	{[]string{"Could not find any Python installation"}, "Python is missing or cannot be used: install python3"},
	{[]string{"not found: make", "not found: g++", "not found: c++", "g++: No such file", "g++: not found", "c++: not found"}, "the compiler is missing: install make and g++"},
	{[]string{"unrecognized command-line option", "unrecognized command line option", "#error \"C++"}, "the compiler is too old: it must know C++20 (g++ 11 or newer)"},
	{[]string{"gyp ERR! configure error"}, "the headers of Node.js could not be downloaded from nodejs.org: check the network, or set npm_config_nodedir to the folder whose include/node has them"},
	{[]string{"gyp ERR!", "node-gyp"}, "a native module could not be compiled"},
}

// npmError explains why npm failed. output is what npm printed last.
func npmError(err error, output string, hints []hint) error {
	var text strings.Builder
	for _, h := range hints {
		if containsAny(output, h.marks) {
			text.WriteString(h.text + "\n")
			break
		}
	}
	if output != "" {
		text.WriteString("npm printed last:\n" + output)
	}
	return fmt.Errorf("npm could not install directus: %w\n%s", err, strings.TrimSpace(text.String()))
}

func containsAny(text string, marks []string) bool {
	for _, mark := range marks {
		if strings.Contains(text, mark) {
			return true
		}
	}
	return false
}

// diskError adds what to do to the error of a write to a full disk.
func diskError(err error) error {
	if errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("%w: %s", err, diskFull)
	}
	return err
}
