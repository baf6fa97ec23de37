package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is the daemon, built for one architecture.
type program struct {
	arch string
	// binary is the file itself: static, without the symbols that only a debugger reads.
	binary []byte
	info   *buildinfo.BuildInfo
}

const programPackage = "./cmd/directus-ircd"

// build compiles the daemon; the compiler's files stay in a folder of their own.
func (t *tree) build(ctx context.Context, arch string) (*program, error) {
	scratch, err := os.MkdirTemp("", "release-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	fmt.Printf("building for linux/%s\n", arch)
	file := filepath.Join(scratch, "directus-ircd")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=auto", "-ldflags", "-s -w -buildid= -X main.release="+t.version, "-o", file, programPackage)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("go build for %s: %w\n%s", arch, err, out)
	}
	binary, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return &program{arch: arch, binary: binary, info: info}, nil
}

// run runs the daemon of this tree on this machine, whatever the release is for, and returns what it prints.
func run(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", programPackage}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("directus-ircd %s: %w", strings.Join(args, " "), err)
	}
	return out, nil
}
