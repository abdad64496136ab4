// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestRender(t *testing.T) {
	of := func(path string, imports ...string) goPackage {
		p := goPackage{ImportPath: path, GoFiles: []string{"a.go"}, Imports: imports}
		p.Module.Path = "example.com/m"
		return p
	}
	got := render([]goPackage{
		of("example.com/m/store", "example.com/m/store/disk", "fmt"),
		of("example.com/m/store/disk"),
		of("example.com/m/store/disk/log", "example.com/m/store/disk"),
	}, []string{"store"})
	for _, want := range []string{
		"3 packages, 1.0 files a package without tests, 1 in the largest. Imports of a package above in the tree: 1.",
		"  store[store] --> disk[disk]\n", "  disk_log[disk/log] --> disk[disk]\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is missing in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "fmt") {
		t.Error("a package of another module is drawn")
	}
}
