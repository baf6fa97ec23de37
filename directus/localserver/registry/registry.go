// Package registry fetches packages from npm's registry without npm, for a machine that has none yet.
package registry

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"
)

const (
	// fetchTimeout is for a package of 50 MB over a slow line.
	fetchTimeout = 20 * time.Minute
	// maxUnpacked bounds what a package may unpack to, in bytes.
	maxUnpacked = 1 << 30
	maxManifest = 1 << 20 // bytes
)

// ErrIntegrity says that what was downloaded is not what the registry says it is.
var ErrIntegrity = errors.New("the download is damaged")

// Registry is a registry to fetch from.
type Registry struct {
	base   string // without a slash at the end
	client *http.Client
}

// Open returns the registry with an address. It goes by the proxy of the environment, and trusts the certificates of the
// system and of the file that NODE_EXTRA_CA_CERTS names, as npm does.
func Open(base string) *Registry {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = time.Minute
	if extra, err := os.ReadFile(os.Getenv("NODE_EXTRA_CA_CERTS")); err == nil {
		if pool, err := x509.SystemCertPool(); err == nil && pool.AppendCertsFromPEM(extra) {
			transport.TLSClientConfig = &tls.Config{RootCAs: pool}
		}
	}
	return &Registry{base: strings.TrimSuffix(base, "/"), client: &http.Client{Transport: transport}}
}

// manifest is the part of a version's description that says where its archive is.
type manifest struct {
	Dist struct{ Tarball, Integrity string }
}

// Unpack downloads a package of an exact version into the folder dir, which exists. Nothing in dir may be used if there is
// an error: the archive is checked when it is unpacked. progress learns how much of the archive has come.
func (r *Registry) Unpack(ctx context.Context, name, version, dir string, progress func(percent int)) error {
	ctx, cancel := context.WithTimeoutCause(ctx, fetchTimeout, fmt.Errorf("not done after %s", fetchTimeout))
	defer cancel()
	m, err := r.describe(ctx, name, version)
	if err != nil {
		return r.explain(err)
	}
	sum, ok := strings.CutPrefix(m.Dist.Integrity, "sha512-")
	if !ok {
		return fmt.Errorf("%s %s: the registry %s tells no SHA-512 of it", name, version, r.base)
	}
	resp, err := r.get(ctx, m.Dist.Tarball)
	if err != nil {
		return r.explain(err)
	}
	defer resp.Body.Close()
	body := &download{from: resp.Body, total: resp.ContentLength, progress: progress, hash: sha512.New()}
	err = unpack(body, dir)
	if err == nil {
		_, err = io.Copy(io.Discard, body) // the checksum is of every byte
	}
	if body.err != nil {
		return r.explain(fmt.Errorf("%s: %w", m.Dist.Tarball, body.err))
	}
	if got := base64.StdEncoding.EncodeToString(body.hash.Sum(nil)); err == nil && got != sum {
		err = errors.New("it has another checksum than the registry tells")
	}
	var disk *fs.PathError
	if err == nil || errors.As(err, &disk) {
		return err
	}
	return fmt.Errorf("%s: %w: %w", m.Dist.Tarball, ErrIntegrity, err)
}

func (r *Registry) describe(ctx context.Context, name, version string) (m manifest, err error) {
	resp, err := r.get(ctx, r.base+"/"+url.PathEscape(name)+"/"+version)
	if err != nil {
		return m, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxManifest)).Decode(&m); err != nil {
		return m, fmt.Errorf("%s: %w: is this npm's registry?", resp.Request.URL, err)
	}
	return m, nil
}

func (r *Registry) get(ctx context.Context, address string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("%s answered %s", address, resp.Status)
	}
	return resp, nil
}

func (r *Registry) explain(err error) error {
	return fmt.Errorf("%w: check the network, npm's \"registry\" setting (%s) and HTTPS_PROXY, and try again", err, r.base)
}

// download is the body of a response that is counted and hashed as it is read.
type download struct {
	from     io.Reader
	got      int64
	total    int64 // -1: unknown
	progress func(percent int)
	hash     hash.Hash
	err      error // why reading failed, other than by the end
}

func (d *download) Read(p []byte) (int, error) {
	n, err := d.from.Read(p)
	d.hash.Write(p[:n])
	if d.got += int64(n); d.total > 0 {
		d.progress(int(d.got * 100 / d.total))
	}
	if err != nil && !errors.Is(err, io.EOF) {
		d.err = err
	}
	return n, err
}

// unpack unpacks an archive without its outermost folder. It cannot write outside of dir.
func unpack(archive io.Reader, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	zipped, err := gzip.NewReader(archive)
	if err != nil {
		return err
	}
	files := tar.NewReader(io.LimitReader(zipped, maxUnpacked))
	for {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, name, inside := strings.Cut(path.Clean(head.Name), "/")
		if head.Typeflag != tar.TypeReg || !inside { // npm packs nothing but files
			continue
		}
		if err := writeFile(root, name, 0o644|head.FileInfo().Mode()&0o111, files); err != nil {
			return err
		}
	}
}

func writeFile(root *os.Root, name string, mode os.FileMode, content io.Reader) error {
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
