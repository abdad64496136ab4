// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestManifestNamesTheArchives(t *testing.T) {
	folder := t.TempDir()
	program, license := filepath.Join(folder, "program"), filepath.Join(folder, "LICENSE")
	for file, content := range map[string]string{program: "a program", license: "a license"} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := run("1.2.3", "https://example.com/v1.2.3", license, folder, []string{"linux/arm64=" + program, "windows/amd64=" + program}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(folder, "krew-tapio.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var m manifest
	if err := yaml.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	if m.Spec.Version != "v1.2.3" || len(m.Spec.Platforms) != 2 || m.Spec.Platforms[1].Bin != "kubectl-tapio.exe" ||
		!maps.Equal(m.Spec.Platforms[0].Selector.MatchLabels, map[string]string{"os": "linux", "arch": "arm64"}) {
		t.Fatalf("%s", text)
	}
	for _, p := range m.Spec.Platforms {
		packed, err := os.ReadFile(filepath.Join(folder, filepath.Base(p.URI)))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256(packed); hex.EncodeToString(sum[:]) != p.SHA256 {
			t.Errorf("%s has another checksum", p.URI)
		}
		if files := unpacked(t, packed); !maps.Equal(files, map[string]string{p.Bin: "a program", "LICENSE": "a license"}) {
			t.Errorf("%s holds %v", p.URI, files)
		}
	}
}

func TestMistakesAreRefused(t *testing.T) {
	folder := t.TempDir()
	for _, test := range []struct{ version, program, message string }{
		{"", "linux/amd64=x", "-version"},
		{"1", "linux=x", `"linux=x" is not OS/ARCHITECTURE=PROGRAM`},
		{"1", "linux/amd64=" + folder + "/none", "no such file"},
	} {
		err := run(test.version, "https://example.com", "LICENSE", folder, []string{test.program})
		if err == nil || !strings.Contains(err.Error(), test.message) {
			t.Errorf("%q: %v", test.program, err)
		}
	}
}

func unpacked(t *testing.T, packed []byte) map[string]string {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	archive, files := tar.NewReader(compressed), map[string]string{}
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(content)
	}
}
