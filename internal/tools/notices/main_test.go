// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file that a package embeds may have another license than its module.
func TestLicensesOfEmbeddedFilesAreFound(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{"LICENSE": "of the module", "support/ebpf/LICENSE": "of the object", "other/LICENSE": "of nothing that is built"} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m := module{Dir: root, folders: map[string]bool{}}
	m.add(filepath.Join(root, "support"))
	m.add(filepath.Join(root, "support/ebpf"))
	text, err := notices(map[string]module{"example.com/m v1.0.0": m})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"of the module", "of the object"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	if strings.Contains(string(text), "of nothing") {
		t.Errorf("a license of what is not built is in %s", text)
	}
}
