package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// tree is what a release is made from: the sources, and what is the same on each architecture.
type tree struct {
	version    string
	maintainer string
	// date stands for now in everything that is made, so that it comes out the same again:
	// SOURCE_DATE_EPOCH, else the date of the commit.
	date time.Time
	// texts are files of the tree, by their path.
	texts map[string]string
	// licence is the text of LICENSE, or empty as long as there is none.
	licence string
}

// Files of the tree that a release takes along.
const (
	changelogFile = "deploy/CHANGELOG.md"
	readmeFile    = "README.md"
	configFile    = "config.example.yaml"
	serviceFile   = "deploy/directus-ircd.service"
	socketFile    = "deploy/directus-ircd.socket"
	licenceFile   = "LICENSE"
)

// exampleFiles are for whoever runs the daemon beside other services.
var exampleFiles = []string{"deploy/Caddyfile", "deploy/alerts.yaml", "deploy/compose.yaml", "deploy/grafana.json", "deploy/kubernetes.yaml"}

// section is the heading of a version in the changelog.
var section = regexp.MustCompile(`(?m)^## (\d\S*)`)

// readTree reads the tree whose top is the working directory.
func readTree(version, maintainer string) (*tree, error) {
	t := &tree{maintainer: maintainer, texts: map[string]string{}}
	for _, file := range append([]string{changelogFile, readmeFile, configFile, serviceFile, socketFile}, exampleFiles...) {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("a file of the release is missing: %w (run this in the top folder of the tree)", err)
		}
		t.texts[file] = string(text)
	}
	switch text, err := os.ReadFile(licenceFile); {
	case err == nil:
		t.licence = string(text)
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	var err error
	if t.version, err = pickVersion(t.texts[changelogFile], version); err != nil {
		return nil, err
	}
	t.date, err = sourceDate()
	return t, err
}

// pickVersion is the version that was asked for, which the changelog must know, or its first one.
func pickVersion(changelog, wanted string) (string, error) {
	sections := section.FindAllStringSubmatch(changelog, -1)
	for _, s := range sections {
		if s[1] == wanted || wanted == "" && aVersion.MatchString(s[1]) {
			return s[1], nil
		}
	}
	if wanted == "" {
		return "", fmt.Errorf("%s has no section of a version: begin one with \"## 1.2.3\"", changelogFile)
	}
	return "", fmt.Errorf("%s has no section \"## %s\": say there what is new", changelogFile, wanted)
}

func sourceDate() (time.Time, error) {
	seconds, from := os.Getenv("SOURCE_DATE_EPOCH"), "SOURCE_DATE_EPOCH"
	if seconds == "" {
		out, err := exec.Command("git", "log", "-1", "--format=%ct").Output()
		if err != nil {
			reason := err.Error()
			if exit := new(exec.ExitError); errors.As(err, &exit) {
				reason = strings.TrimSpace(string(exit.Stderr))
			}
			return time.Time{}, fmt.Errorf("the date of the commit cannot be read from git (%s): set SOURCE_DATE_EPOCH to the seconds since 1970 that the release is from", reason)
		}
		seconds, from = strings.TrimSpace(string(out)), "git"
	}
	n, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || n < 0 {
		return time.Time{}, fmt.Errorf("%s: %q is no number of seconds since 1970", from, seconds)
	}
	return time.Unix(n, 0).UTC(), nil
}
