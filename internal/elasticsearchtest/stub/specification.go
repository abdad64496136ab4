// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package stub

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	_ "github.com/elastic/go-elasticsearch/v8/typedapi/types/enums/sortorder" // so that go.mod names the client
)

// client is the module of the official client, and types its package of what requests and
// answers consist of.
const client, types = "github.com/elastic/go-elasticsearch/v8", "types"

// specification is what the official client says of the API. Elastic generates its types from
// the specification; their source is read here, since compiling them takes minutes.
type specification struct {
	directory string // of the typed API

	mu     sync.Mutex
	parsed map[string]*declaration
}

// declaration is one type.
type declaration struct {
	expr   ast.Expr
	unions []ast.Expr // what a type without a form of its own may be
	values []string   // of an enumeration
}

// reference is a type as some package names it.
type reference struct {
	pkg  string // path below the typed API
	expr ast.Expr
}

// newSpecification finds the client among the modules.
func newSpecification(t *testing.T) *specification {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", client).Output()
	if err != nil {
		t.Fatalf("the module %s: %v", client, err)
	}
	return &specification{directory: filepath.Join(strings.TrimSpace(string(out)), "typedapi"), parsed: map[string]*declaration{}}
}

// check returns what is wrong with a value of a type: keys that it does not have or that are
// missing, values of another kind.
func (s *specification) check(encoded []byte, pkg, name string) error {
	var value any
	if err := decode(encoded, &value); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.is(value, reference{pkg, ast.NewIdent(name)}, name)
}

// parameters returns those in the query of a request.
func (s *specification) parameters(pkg, file string) (names []string, err error) {
	source, err := os.ReadFile(filepath.Join(s.directory, pkg, file))
	if err != nil {
		return nil, err
	}
	for _, found := range regexp.MustCompile(`values\.Set\("([a-z_]+)"`).FindAllSubmatch(source, -1) {
		names = append(names, string(found[1]))
	}
	return names, nil
}

// is returns an error if a value is not of a type.
func (s *specification) is(value any, of reference, path string) error {
	switch expr := of.expr.(type) {
	case *ast.StarExpr:
		if value == nil {
			return nil
		}
		return s.is(value, reference{of.pkg, expr.X}, path)
	case *ast.ArrayType:
		return s.isList(value, reference{of.pkg, expr.Elt}, path)
	case *ast.MapType:
		return s.isMap(value, reference{of.pkg, expr.Value}, path)
	case *ast.StructType:
		return s.isStruct(value, of.pkg, expr, path)
	case *ast.SelectorExpr:
		return s.isNamed(value, packageOf(expr), expr.Sel.Name, path)
	case *ast.Ident:
		return s.isNamed(value, of.pkg, expr.Name, path)
	default:
		return fmt.Errorf("%s: cannot check a %T", path, expr)
	}
}

// packageOf is the package of a type that another package names.
func packageOf(expr *ast.SelectorExpr) string {
	switch name := fmt.Sprint(expr.X); name {
	case types, "json":
		return name
	default:
		return filepath.Join(types, "enums", name)
	}
}

// isNamed checks a value of a type with a name.
func (s *specification) isNamed(value any, pkg, name, path string) error {
	if is, basic := isBasic(value, name); basic && !is {
		return fmt.Errorf("%s: %v is no %s", path, value, name)
	} else if basic {
		return nil
	}
	declared, err := s.declared(pkg, name)
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", path, err)
	case len(declared.values) > 0:
		if text, is := value.(string); !is || !slices.Contains(declared.values, text) {
			return fmt.Errorf("%s: %v is none of %v", path, value, declared.values)
		}
		return nil
	case len(declared.unions) == 0:
		return s.is(value, reference{pkg, declared.expr}, path)
	}
	for _, one := range declared.unions {
		if err = s.is(value, reference{pkg, one}, path); err == nil {
			return nil
		}
	}
	return fmt.Errorf("%s: %v is no %s: %w", path, value, name, err)
}

// isBasic reports whether a value is of a type that Go has itself, if it is one.
func isBasic(value any, name string) (is, basic bool) {
	switch name {
	case "any", "RawMessage":
		return true, true
	case "nil":
		return value == nil, true
	case "string":
		_, is = value.(string)
		return is, true
	case "bool":
		_, is = value.(bool)
		return is, true
	case "int", "uint", "int64":
		number, _ := value.(json.Number)
		_, err := number.Int64()
		return err == nil, true
	case "float32", "float64", "Float64":
		_, is = value.(json.Number)
		return is, true
	default:
		return false, false
	}
}

func (s *specification) isList(value any, of reference, path string) error {
	list, is := value.([]any)
	if !is {
		return fmt.Errorf("%s: %v is no list", path, value)
	}
	for i, one := range list {
		if err := s.is(one, of, path+"["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	return nil
}

func (s *specification) isMap(value any, of reference, path string) error {
	object, is := value.(map[string]any)
	if !is {
		return fmt.Errorf("%s: %v is no object", path, value)
	}
	for key, one := range object {
		if err := s.is(one, of, path+"."+key); err != nil {
			return err
		}
	}
	return nil
}

// isStruct checks the keys of an object.
func (s *specification) isStruct(value any, pkg string, of *ast.StructType, path string) error {
	object, is := value.(map[string]any)
	if !is {
		return fmt.Errorf("%s: %v is no object", path, value)
	}
	known, others := map[string]ast.Expr{}, ast.Expr(nil)
	for _, field := range of.Fields.List {
		tag, _ := strconv.Unquote(field.Tag.Value)
		key, options, _ := strings.Cut(reflect.StructTag(tag).Get("json"), ",")
		if key == "-" {
			if further, is := field.Type.(*ast.MapType); is && !isRaw(further.Value) {
				others = further.Value
			}
			continue
		}
		if known[key] = field.Type; options == "" && object[key] == nil {
			return fmt.Errorf("%s.%s: is missing", path, key)
		}
	}
	for key, one := range object {
		expr := known[key]
		if expr == nil {
			expr = others
		}
		if expr == nil {
			return fmt.Errorf("%s.%s: is not in the specification", path, key)
		}
		if err := s.is(one, reference{pkg, expr}, path+"."+key); err != nil {
			return err
		}
	}
	return nil
}

// isRaw reports whether anything may be there: the client passes on what it does not know.
func isRaw(expr ast.Expr) bool {
	selector, is := expr.(*ast.SelectorExpr)
	return is && selector.Sel.Name == "RawMessage"
}
