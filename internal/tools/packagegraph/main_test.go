// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
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
	}, map[string]int{"store.Log": 3, "store.Disk": 31}, []string{"store"})
	for _, want := range []string{
		"3 packages, on average 1.0 files per package (tests not counted), 1 in the largest. Imports of a package in a parent folder: 1.",
		"2 types with methods, on average 17.0 methods each. More than 30: `store.Disk` 31.",
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

func TestMethods(t *testing.T) {
	folder := t.TempDir()
	const text = "package m\n\ntype list[T any] struct{}\n\nfunc (l *list[T]) add() {}\nfunc (l list[T]) size() {}\nfunc f() {}\n"
	if err := os.WriteFile(filepath.Join(folder, "a.go"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p := goPackage{ImportPath: "example.com/m/store", Dir: folder, GoFiles: []string{"a.go"}}
	p.Module.Path = "example.com/m"
	types, err := methods([]goPackage{p})
	if err != nil || len(types) != 1 || types["store.list"] != 2 {
		t.Errorf("%v %v, want store.list: 2", types, err)
	}
}
