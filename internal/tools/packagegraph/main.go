// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command packagegraph writes the figures and the graphs of the packages of a module
// into a document, between the lines "<!-- packages -->" and "<!-- end of packages -->".
//
//	packagegraph MODULE-FOLDER DOCUMENT FOLDER… (a graph for each: the folder and all below it)
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
)

const (
	begin = "<!-- packages -->\n"
	end   = "<!-- end of packages -->"
	// large is how many files without tests a package should have at most.
	large = 25
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "packagegraph:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: packagegraph MODULE-FOLDER DOCUMENT FOLDER…")
	}
	module, document, folders := args[0], args[1], args[2:]
	packages, err := list(module)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(text), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("%s: no lines %q and %q", document, strings.TrimSpace(begin), end)
	}
	return os.WriteFile(document, []byte(before+begin+"\n"+render(packages, folders)+"\n"+end+after), 0o600)
}

// goPackage is what `go list -json` reports of a package.
type goPackage struct {
	ImportPath string
	GoFiles    []string
	Imports    []string
	Module     struct{ Path string }
}

// folder is the path of the package within its module.
func (p *goPackage) folder() string { return strings.TrimPrefix(p.ImportPath, p.Module.Path+"/") }

func list(folder string) ([]goPackage, error) {
	command := exec.Command("go", "list", "-json=ImportPath,GoFiles,Imports,Module", "./...")
	command.Dir, command.Stderr = folder, os.Stderr
	output, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list in %s: %w", folder, err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(output))); ; {
		var p goPackage
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return packages, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the output of go list: %w", err)
		}
		packages = append(packages, p)
	}
}

func render(packages []goPackage, folders []string) string {
	var text strings.Builder
	text.WriteString(figures(packages))
	for _, folder := range folders {
		text.WriteString("\n`" + folder + "`, where an arrow means \"imports\":\n\n" + graph(packages, folder))
	}
	return text.String()
}

// figures are the number of packages, their size and the imports that go up in the tree.
func figures(packages []goPackage) string {
	files, most, up := 0, 0, 0
	var above []string
	for _, p := range packages {
		n := len(p.GoFiles)
		files += n
		most = max(most, n)
		if n > large {
			above = append(above, fmt.Sprintf("`%s` %d", p.folder(), n))
		}
		for _, imported := range p.Imports {
			if strings.HasPrefix(p.ImportPath, imported+"/") && !strings.HasSuffix(p.ImportPath, "test") {
				up++
			}
		}
	}
	slices.Sort(above)
	return fmt.Sprintf("%d packages, %.1f files a package without tests, %d in the largest. Imports of a package above in the tree: %d.\nMore than %d files: %s.\n",
		len(packages), float64(files)/float64(len(packages)), most, up, large, strings.Join(above, ", "))
}

// graph draws the imports among the packages of a folder.
func graph(packages []goPackage, folder string) string {
	var lines []string
	for _, p := range packages {
		if !within(p.folder(), folder) {
			continue
		}
		for _, imported := range p.Imports {
			if target := strings.TrimPrefix(imported, p.Module.Path+"/"); target != imported && within(target, folder) {
				lines = append(lines, fmt.Sprintf("  %s --> %s\n", node(p.folder(), folder), node(target, folder)))
			}
		}
	}
	slices.Sort(lines)
	return "```mermaid\nflowchart TD\n" + strings.Join(lines, "") + "```\n"
}

func within(p, folder string) bool { return strings.HasPrefix(p+"/", folder+"/") }

// node names a package by its path below the folder; the folder's own by its last element.
func node(p, folder string) string {
	name := strings.TrimPrefix(strings.TrimPrefix(p, folder), "/")
	if name == "" {
		name = path.Base(folder)
	}
	return strings.ReplaceAll(name, "/", "_") + "[" + name + "]"
}
