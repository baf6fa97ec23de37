package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// archive writes what a package would install as a .tar.gz, for systems that have neither dpkg nor rpm.
func (t *tree) archive(dir string, p *program, installed []file) error {
	name := fmt.Sprintf("directus-ircd-%s-linux-%s", t.version, p.arch)
	data, err := t.tar(name+"/", 0, installed)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".tar.gz"), compressed(data), 0o644)
}

// tar is an archive of files, below a prefix, that belong to a user. Its folders are in it too.
func (t *tree) tar(prefix string, owner int, files []file) ([]byte, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	made := map[string]bool{}
	for _, f := range files {
		full := prefix + strings.TrimPrefix(f.path, "/")
		for _, folder := range folders(full) {
			if made[folder] {
				continue
			}
			made[folder] = true
			if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755, ModTime: t.date}); err != nil {
				return nil, err
			}
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: full, Mode: int64(f.mode.Perm()), Size: int64(len(f.data)), ModTime: t.date}
		if f.mode.IsDir() {
			header.Typeflag, header.Name, header.Uid, header.Gid = tar.TypeDir, full+"/", owner, owner
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// folders are those that a path is in, the outermost first.
func folders(name string) (list []string) {
	for d := path.Dir(name); d != "." && d != "/"; d = path.Dir(d) {
		list = append([]string{d}, list...)
	}
	return list
}

// writeSums lists the checksums of all files of a folder, as "sha256sum -c" reads them.
func writeSums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, e := range entries {
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), e.Name())
	}
	return os.WriteFile(filepath.Join(dir, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
