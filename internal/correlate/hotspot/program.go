// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package hotspot

import (
	"path"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// responsible is the frame that a sample counts for: the innermost one of the program, for
// a change of the program shows there and not in what it uses of its language. Where there
// is none it is the innermost with a name; nil: no frame has one.
func responsible(d *model.ProfileDictionary, stack []uint32) *model.Frame {
	var innermost *model.Frame
	for _, i := range stack {
		f := &d.Frames[i]
		if f.Function == "" || f.IsTruncated() {
			continue
		}
		if !ofTheLanguage(f) {
			return f
		}
		if innermost == nil {
			innermost = f
		}
	}
	return innermost
}

// ofTheLanguage reports whether a frame is of the kernel, of a language's runtime or of its
// standard library.
func ofTheLanguage(f *model.Frame) bool {
	switch f.Kind {
	case "kernel":
		return true
	case "go", "":
		if ofGo(f.Function) && !strings.Contains(f.Mapping, ".so") {
			return true
		}
	}
	for _, prefix := range [...]string{"java.", "javax.", "jdk.", "sun.", "System.", "Microsoft.", "std::", "core::", "alloc::", "__libc_", "_Py", "Py"} {
		if strings.HasPrefix(f.Function, prefix) {
			return true
		}
	}
	if strings.HasPrefix(f.File, "node:") || strings.HasPrefix(f.File, "<frozen") || strings.Contains(f.File, "/lib/python3") &&
		!strings.Contains(f.File, "-packages/") {
		return true
	}
	library := path.Base(f.Mapping)
	return slices.ContainsFunc([]string{"libc.", "libc-", "ld-", "ld.", "libpthread", "libm.", "libstdc++", "libgcc", "libjvm", "libpython", "[vdso"},
		func(prefix string) bool { return strings.HasPrefix(library, prefix) })
}

// ofGo reports whether a function is of Go's standard library, by the first part of the
// path of its package.
func ofGo(function string) bool {
	slash := strings.IndexByte(function, '/')
	dot := strings.IndexByte(function, '.')
	if dot < 0 || slash >= 0 && dot < slash { // the path of a module
		return false
	}
	first := function[:dot]
	if slash >= 0 {
		first = function[:slash]
	}
	return slices.Contains([]string{
		"archive", "bufio", "bytes", "cmp", "compress", "container", "context", "crypto", "database", "debug", "embed", "encoding", "errors",
		"expvar", "fmt", "go", "hash", "html", "image", "index", "internal", "io", "iter", "log", "maps", "math", "mime", "net", "os", "path",
		"plugin", "reflect", "regexp", "runtime", "slices", "sort", "strconv", "strings", "structs", "sync", "syscall", "testing", "text",
		"time", "unicode", "unique", "unsafe", "vendor", "weak",
	}, first)
}
