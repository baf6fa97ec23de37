package registry

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// archive packs files as npm does. A name that ends with "*" is that of a program.
func archive(t *testing.T, files ...string) []byte {
	t.Helper()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	w := tar.NewWriter(zipped)
	for i := 0; i < len(files); i += 2 {
		name, program := strings.CutSuffix(files[i], "*")
		head := &tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[i+1])), Typeflag: tar.TypeReg}
		if program {
			head.Mode = 0o755
		}
		if err := w.WriteHeader(head); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// serve is a registry with one package. change may spoil what it says and sends.
func serve(t *testing.T, packed []byte, change func(integrity *string, body *[]byte)) *httptest.Server {
	sum := sha512.Sum512(packed)
	integrity := "sha512-" + base64.StdEncoding.EncodeToString(sum[:])
	if change != nil {
		change(&integrity, &packed)
	}
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/mirror/thing/1.2.3":
			fmt.Fprintf(w, `{"dist": {"tarball": "%s/files/thing.tgz", "integrity": %q}}`, s.URL, integrity)
		case "/files/thing.tgz":
			_, _ = w.Write(packed)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func TestUnpack(t *testing.T) {
	s := serve(t, archive(t, "package/bin/run*", "#!/bin/sh", "package/include/x.h", "int x;"), nil)
	dir := t.TempDir()
	percent := 0
	if err := Open(s.URL+"/mirror/").Unpack(t.Context(), "thing", "1.2.3", dir, func(p int) { percent = p }); err != nil {
		t.Fatal(err)
	}
	if percent != 100 {
		t.Errorf("at the end it says %d %%", percent)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "include", "x.h")); string(text) != "int x;" {
		t.Errorf("got %q %v", text, err)
	}
	for name, program := range map[string]bool{"bin/run": true, "include/x.h": false} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || (info.Mode()&0o100 != 0) != program {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestUnpackErrors(t *testing.T) {
	good := archive(t, "package/a", "a")
	escape := archive(t, "package/../../../escaped", "a")
	for _, tt := range []struct {
		name    string
		archive []byte
		change  func(integrity *string, body *[]byte)
		version string
		damaged bool
		want    string
	}{
		{"another file", good, func(_ *string, body *[]byte) { *body = archive(t, "package/a", "b") }, "1.2.3", true, "another checksum"},
		{"cut short", good, func(_ *string, body *[]byte) { *body = (*body)[:len(*body)/2] }, "1.2.3", true, "EOF"},
		{"not an archive", good, func(_ *string, body *[]byte) { *body = []byte("<html>log in first</html>") }, "1.2.3", true, "gzip"},
		{"something behind it", good, func(_ *string, body *[]byte) { *body = append(*body, 0) }, "1.2.3", true, ""},
		{"only a SHA-1", good, func(integrity *string, _ *[]byte) { *integrity = "sha1-abc" }, "1.2.3", false, "no SHA-512"},
		{"no such version", good, nil, "9.9.9", false, "404 Not Found: check the network"},
		{"out of the folder", escape, nil, "1.2.3", false, "escape"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, tt.archive, tt.change)
			dir := filepath.Join(t.TempDir(), "in", "here")
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			err := Open(s.URL+"/mirror").Unpack(t.Context(), "thing", tt.version, dir, func(int) {})
			if err == nil || errors.Is(err, ErrIntegrity) != tt.damaged || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q, damaged: %v", err, tt.want, tt.damaged)
			}
			if _, err := os.Stat(filepath.Join(dir, "..", "escaped")); err == nil {
				t.Error("it wrote outside of the folder")
			}
		})
	}
}

func TestUnreachable(t *testing.T) {
	s := serve(t, nil, nil)
	s.Close()
	err := Open(s.URL).Unpack(t.Context(), "thing", "1.2.3", t.TempDir(), func(int) {})
	if err == nil || !strings.Contains(err.Error(), s.URL) || !strings.Contains(err.Error(), "check the network") {
		t.Errorf("got %v", err)
	}
}
