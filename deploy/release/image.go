package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// image is a container image for one architecture: the program, and what it needs of a system.
type image struct {
	arch string
	// layers change more and more often: the user, then the program.
	layers [][]file
}

// nobody is who the container runs as: a number that no system gives away by itself.
const nobody = 65532

// stateFolder is the default of resume.directory.
const stateFolder = "/var/lib/directus-ircd"

// image needs no more than the program: it brings the certificate authorities and the time zones along.
func (t *tree) image(p *program) image {
	return image{arch: p.arch, layers: [][]file{
		{
			{path: "/etc/passwd", mode: 0o644, data: fmt.Appendf(nil, "nonroot:x:%d:%[1]d:nonroot:/:/sbin/nologin\n", nobody)},
			{path: "/etc/group", mode: 0o644, data: fmt.Appendf(nil, "nonroot:x:%d:\n", nobody)},
			{path: stateFolder, mode: fs.ModeDir | 0o700},
		},
		{{path: installedProgram, mode: 0o755, data: p.binary}},
	}}
}

// writeImages writes one OCI archive with the images of all architectures, which "podman load", "docker load"
// and "skopeo copy oci-archive:FILE" read.
func (t *tree) writeImages(dir string, images []image) error {
	platforms := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, i := range images {
		built, err := t.assemble(i)
		if err != nil {
			return fmt.Errorf("image for %s: %w", i.arch, err)
		}
		platforms = mutate.AppendManifests(platforms, mutate.IndexAddendum{Add: built, Descriptor: v1.Descriptor{
			Platform: &v1.Platform{OS: "linux", Architecture: i.arch},
		}})
	}
	// One name for all of them: with a name each, whoever reads the archive would keep the last, for whatever machine it is.
	name := "directus-ircd:" + t.version
	index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), mutate.IndexAddendum{Add: platforms, Descriptor: v1.Descriptor{
		Annotations: map[string]string{"org.opencontainers.image.ref.name": name, "io.containerd.image.name": "docker.io/library/" + name},
	}})
	scratch, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if _, err := layout.Write(scratch, index); err != nil {
		return err
	}
	var content []file
	err = filepath.WalkDir(scratch, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(name)
		content = append(content, file{path: strings.TrimPrefix(name, scratch), mode: 0o644, data: data})
		return err
	})
	if err != nil {
		return err
	}
	archive, err := t.tar("", 0, content)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "directus-ircd-"+t.version+"-oci.tar"), archive, 0o644)
}

func (t *tree) assemble(i image) (v1.Image, error) {
	built := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	for _, files := range i.layers {
		data, err := t.tar("", nobody, files)
		if err != nil {
			return nil, err
		}
		layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil },
			tarball.WithCompressedCaching, tarball.WithMediaType(types.OCILayer))
		if err != nil {
			return nil, err
		}
		if built, err = mutate.Append(built, mutate.Addendum{Layer: layer, History: v1.History{Created: v1.Time{Time: t.date}, CreatedBy: "release"}}); err != nil {
			return nil, err
		}
	}
	config, err := built.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", i.arch, v1.Time{Time: t.date}
	config.Config = v1.Config{
		User:         fmt.Sprintf("%d:%[1]d", nobody),
		Entrypoint:   []string{installedProgram},
		Cmd:          []string{"serve"},
		WorkingDir:   "/",
		ExposedPorts: map[string]struct{}{"6667/tcp": {}, "6697/tcp": {}, "8097/tcp": {}, "9107/tcp": {}},
		// A Docker extension of OCI: other runtimes leave it out.
		Healthcheck: &v1.HealthConfig{
			Test:        []string{"CMD", installedProgram, "health"},
			Interval:    30 * time.Second,
			Timeout:     10 * time.Second,
			StartPeriod: 10 * time.Second,
			Retries:     3,
		},
		Env:     []string{"RUNTIME_DIRECTORY=" + stateFolder}, // of admin.socket, as all else may be read-only
		Volumes: map[string]struct{}{stateFolder: {}},
		Labels: map[string]string{
			"org.opencontainers.image.title":       "directus-ircd",
			"org.opencontainers.image.description": "IRC server for a chat in Directus",
			"org.opencontainers.image.version":     t.version,
			"org.opencontainers.image.created":     t.date.Format("2006-01-02T15:04:05Z07:00"),
		},
	}
	return mutate.ConfigFile(built, config)
}
