package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/CycloneDX/cyclonedx-go"
	"github.com/google/uuid"
)

// bill writes the software bill of materials of a program, in CycloneDX: the modules that the linker has put into it.
func (t *tree) bill(dir string, p *program) error {
	sum := sha256.Sum256(p.binary)
	main := cyclonedx.Component{
		BOMRef: "directus-ircd", Type: cyclonedx.ComponentTypeApplication, Name: "directus-ircd", Version: t.version,
		Hashes: &[]cyclonedx.Hash{{Algorithm: cyclonedx.HashAlgoSHA256, Value: fmt.Sprintf("%x", sum)}},
	}
	libraries := []cyclonedx.Component{library("std", strings.TrimPrefix(p.info.GoVersion, "go"))}
	for _, m := range p.info.Deps {
		libraries = append(libraries, library(m.Path, m.Version))
	}
	uses := make([]string, len(libraries))
	for i, l := range libraries {
		uses[i] = l.BOMRef
	}
	bom := cyclonedx.NewBOM()
	bom.SerialNumber = "urn:uuid:" + uuid.NewSHA1(uuid.NameSpaceOID, sum[:]).String()
	bom.Metadata = &cyclonedx.Metadata{Timestamp: t.date.Format(time.RFC3339), Component: &main}
	bom.Components = &libraries
	bom.Dependencies = &[]cyclonedx.Dependency{{Ref: main.BOMRef, Dependencies: &uses}}
	var b bytes.Buffer
	if err := cyclonedx.NewBOMEncoder(&b, cyclonedx.BOMFileFormatJSON).SetPretty(true).Encode(bom); err != nil {
		return err
	}
	name := fmt.Sprintf("directus-ircd-%s-linux-%s.cdx.json", t.version, p.arch)
	return os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o644)
}

func library(path, version string) cyclonedx.Component {
	purl := "pkg:golang/" + path + "@" + version
	return cyclonedx.Component{BOMRef: purl, Type: cyclonedx.ComponentTypeLibrary, Name: path, Version: version, PackageURL: purl}
}
