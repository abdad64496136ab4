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
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
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
	types, err := methods(packages)
	if err != nil {
		return err
	}
	return os.WriteFile(document, []byte(before+begin+"\n"+render(packages, types, folders)+"\n"+end+after), 0o600)
}

// goPackage is what `go list -json` reports of a package.
type goPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
	Module     struct{ Path string }
}

// folder is the path of the package within its module.
func (p *goPackage) folder() string { return strings.TrimPrefix(p.ImportPath, p.Module.Path+"/") }

func list(folder string) ([]goPackage, error) {
	command := exec.Command("go", "list", "-json=ImportPath,Dir,GoFiles,Imports,Module", "./...")
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

func render(packages []goPackage, types map[string]int, folders []string) string {
	var text strings.Builder
	text.WriteString(figures(packages) + figuresOfTypes(types))
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
	return fmt.Sprintf("%d packages, on average %.1f files per package (tests not counted), %d in the largest. Imports of a package in a parent folder: %d.\nMore than %d files: %s.\n",
		len(packages), float64(files)/float64(len(packages)), most, up, large, strings.Join(above, ", "))
}

// methods counts the methods of each type that has any, by folder and name. Generated files do not count.
func methods(packages []goPackage) (map[string]int, error) {
	types := map[string]int{}
	for _, p := range packages {
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments)
			if err != nil {
				return nil, err
			}
			if ast.IsGenerated(file) {
				continue
			}
			for _, declared := range file.Decls {
				if f, is := declared.(*ast.FuncDecl); is && f.Recv != nil {
					types[p.folder()+"."+receiver(f.Recv.List[0].Type)]++
				}
			}
		}
	}
	return types, nil
}

// receiver is the name of the type of a method.
func receiver(of ast.Expr) string {
	switch of := of.(type) {
	case *ast.StarExpr:
		return receiver(of.X)
	case *ast.IndexExpr:
		return receiver(of.X)
	case *ast.IndexListExpr:
		return receiver(of.X)
	case *ast.Ident:
		return of.Name
	}
	return ""
}

// many is how many methods a type should have at most.
const many = 30

func figuresOfTypes(types map[string]int) string {
	all := 0
	var above []string
	for name, n := range types {
		if all += n; n > many {
			above = append(above, fmt.Sprintf("`%s` %d", name, n))
		}
	}
	slices.Sort(above)
	return fmt.Sprintf("%d types with methods, on average %.1f methods each. More than %d: %s.\n", len(types), float64(all)/float64(max(len(types), 1)), many, strings.Join(above, ", "))
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
