// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

const module = "github.com/tapio/tapio/"

// comments finds the comments of fields in the sources of this module.
type comments struct {
	// packages are the structs by package path and name, parsed once.
	packages map[string]map[string]*ast.StructType
}

// of returns the comment of a field, as one paragraph that does not begin with
// the field's name.
func (c *comments) of(owner reflect.Type, field reflect.StructField) (string, error) {
	structs, err := c.structs(owner.PkgPath())
	if err != nil {
		return "", err
	}
	if structs[owner.Name()] == nil {
		return "", fmt.Errorf("%s has no struct %s", owner.PkgPath(), owner.Name())
	}
	for _, f := range structs[owner.Name()].Fields.List {
		for _, name := range f.Names {
			if name.Name == field.Name {
				return sentence(f.Doc.Text(), field.Name), nil
			}
		}
		if len(f.Names) == 0 && field.Anonymous && strings.HasSuffix(typeName(f.Type), field.Name) {
			return sentence(f.Doc.Text(), field.Name), nil
		}
	}
	return "", fmt.Errorf("%s.%s has no field %s", owner.PkgPath(), owner.Name(), field.Name)
}

func (c *comments) structs(pkg string) (map[string]*ast.StructType, error) {
	if known := c.packages[pkg]; known != nil {
		return known, nil
	}
	files, err := filepath.Glob(strings.TrimPrefix(pkg, module) + "/*.go")
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", pkg, err)
	}
	structs := map[string]*ast.StructType{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %s: %w", file, err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if fields, ok := spec.Type.(*ast.StructType); ok {
					structs[spec.Name.Name] = fields
				}
			}
			return true
		})
	}
	c.packages[pkg] = structs
	return structs, nil
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// sentence makes "The size of ..." of "Size is the size of ...".
func sentence(comment, field string) string {
	text := strings.Join(strings.Fields(comment), " ")
	if rest, ok := strings.CutPrefix(text, field+" "); ok {
		text = rest
		for _, verb := range []string{"is ", "are "} {
			text = strings.TrimPrefix(text, verb)
		}
	}
	first, size := utf8.DecodeRuneInString(text)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + text[size:]
}
