// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command notices writes the licenses of the modules that programs are built from, each
// text once, with the modules that it is of.
//
//	notices OUTPUT FOLDER… (the folders of main packages)
package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// own is the prefix of the modules that need no notice.
const own = "github.com/tapio/tapio"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return errors.New("missing arguments: the file to write, and the folders of the programs")
	}
	modules := map[string]module{}
	for _, folder := range args[1:] {
		if err := modulesOf(folder, modules); err != nil {
			return err
		}
	}
	text, err := notices(modules)
	if err != nil {
		return err
	}
	return os.WriteFile(args[0], text, 0o644)
}

// module is one that a program is built from.
type module struct {
	Path, Version, Dir string
	Main               bool
	Replace            *module

	// folders are those that a license may be in: of the packages, of the files that they
	// embed, and all above these in the module.
	folders map[string]bool
}

// add adds a folder of the module, and those above it.
func (m *module) add(folder string) {
	for strings.HasPrefix(folder, m.Dir) && !m.folders[folder] {
		m.folders[folder] = true
		folder = filepath.Dir(folder)
	}
}

// modulesOf adds the modules of the packages that a program is built from.
func modulesOf(folder string, modules map[string]module) error {
	cmd := exec.Command("go", "list", "-deps", "-json=Module,Dir,EmbedFiles", ".")
	cmd.Dir, cmd.Stderr = folder, os.Stderr
	list, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("list the packages of %s: %w", folder, err)
	}
	for decoder := json.NewDecoder(bytes.NewReader(list)); ; {
		var pkg struct {
			Module     *module
			Dir        string
			EmbedFiles []string
		}
		if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read what go list printed for %s: %w", folder, err)
		}
		m := pkg.Module
		if m == nil || m.Main || strings.HasPrefix(m.Path, own) { // nil: the standard library
			continue
		}
		if m.Replace != nil && m.Dir == "" {
			m.Dir = m.Replace.Dir
		}
		name := m.Path + " " + m.Version
		known, ok := modules[name]
		if !ok {
			known = *m
			known.folders = map[string]bool{}
			modules[name] = known
		}
		known.add(pkg.Dir)
		for _, file := range pkg.EmbedFiles {
			known.add(filepath.Dir(filepath.Join(pkg.Dir, file)))
		}
	}
}

// notices puts the texts together; a module without one is an error.
func notices(modules map[string]module) ([]byte, error) {
	owners := map[string][]string{}
	var faults []error
	for name, m := range modules {
		var texts []string
		for _, folder := range slices.Sorted(maps.Keys(m.folders)) {
			found, err := licenses(folder)
			if err != nil {
				return nil, err
			}
			texts = append(texts, found...)
		}
		if len(texts) == 0 {
			faults = append(faults, fmt.Errorf("%s has no license in %s", name, m.Dir))
		}
		for _, text := range texts {
			if !slices.Contains(owners[text], name) {
				owners[text] = append(owners[text], name)
			}
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	texts := make([]string, 0, len(owners))
	for text := range owners {
		slices.Sort(owners[text])
		texts = append(texts, text)
	}
	slices.SortFunc(texts, func(a, b string) int { return cmp.Compare(owners[a][0]+a, owners[b][0]+b) })
	var b bytes.Buffer
	b.WriteString("Programs of Tapio contain the following Go modules, under these licenses. The Go standard library is under the\n" +
		"BSD-style license of https://go.dev/LICENSE. The source of a module, that of programs for the kernel under the GPL too, is at\n" +
		"https://proxy.golang.org/MODULE/@v/VERSION.zip.\n")
	for _, text := range texts {
		fmt.Fprintf(&b, "\n%s\n\n  %s\n\n%s\n", strings.Repeat("=", 80), strings.Join(owners[text], "\n  "), strings.TrimSpace(text))
	}
	return b.Bytes(), nil
}

// licenses returns the texts of the license and notice files of a folder.
func licenses(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, e := range entries {
		name := strings.ToUpper(e.Name())
		is := slices.ContainsFunc([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE", "UNLICENSE", "PATENTS"}, func(p string) bool { return strings.HasPrefix(name, p) })
		if !is || e.IsDir() || strings.HasSuffix(name, ".GO") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return nil, err
		}
		texts = append(texts, strings.ReplaceAll(string(text), "\r\n", "\n"))
	}
	return texts, nil
}
