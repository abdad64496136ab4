// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
)

// declared returns a type.
func (s *specification) declared(pkg, name string) (*declaration, error) {
	key := pkg + "." + name
	if s.parsed[key] == nil {
		file := filepath.Join(s.directory, pkg, strings.ToLower(name)+".go")
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		if s.parsed[key], err = find(parsed, name); err != nil {
			return nil, err
		}
	}
	return s.parsed[key], nil
}

// find finds a type in its file.
func find(file *ast.File, name string) (*declaration, error) {
	found := &declaration{}
	for _, one := range file.Decls {
		group, is := one.(*ast.GenDecl)
		if !is {
			continue
		}
		for _, spec := range group.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				if spec.Name.Name != name {
					continue
				}
				found.expr = spec.Type
				if err := found.union(group.Doc.Text()); err != nil {
					return nil, err
				}
			case *ast.ValueSpec:
				found.enumerate(spec, name)
			}
		}
	}
	if found.expr == nil {
		return nil, fmt.Errorf("the client has no type %s", name)
	}
	return found, nil
}

// union reads what a type may be from the comment above it.
func (d *declaration) union(comment string) error {
	_, list, is := strings.Cut(comment, "holds the union for the following types:\n")
	if !is {
		return nil
	}
	for _, line := range strings.Split(list, "\n") {
		text, listed := strings.CutPrefix(line, "\t")
		if !listed {
			continue
		}
		expr, err := parser.ParseExpr(text)
		if err != nil {
			return err
		}
		d.unions = append(d.unions, expr)
	}
	return nil
}

// enumerate adds a value of an enumeration.
func (d *declaration) enumerate(spec *ast.ValueSpec, name string) {
	for _, value := range spec.Values {
		literal, is := value.(*ast.CompositeLit)
		if !is || fmt.Sprint(literal.Type) != name || len(literal.Elts) != 1 {
			continue
		}
		if text, is := literal.Elts[0].(*ast.BasicLit); is {
			one, _ := strconv.Unquote(text.Value)
			d.values = append(d.values, one)
		}
	}
}
