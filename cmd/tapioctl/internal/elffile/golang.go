// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elffile

import (
	"debug/elf"
	"debug/gosym"
	"strings"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// goFunctions returns the functions of Go's own table, with files and lines. Stripped
// programs have it too.
func goFunctions(f *elf.File) (list []*tapiov1.SymbolFunction) {
	from := f.Section(".gopclntab")
	if from == nil {
		from = f.Section(".data.rel.ro.gopclntab")
	}
	if from == nil || from.Type == elf.SHT_NOBITS {
		return nil
	}
	data, err := from.Data()
	if err != nil {
		return nil
	}
	text, ok := textOf(f, from, data)
	if !ok {
		return nil
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text))
	if err != nil {
		return nil
	}
	for i := range table.Funcs {
		function := &table.Funcs[i]
		if function.Name == "" || function.End <= function.Entry {
			continue
		}
		file, line, _ := table.PCToLine(function.Entry)
		list = append(list, &tapiov1.SymbolFunction{
			Address: function.Entry, Size: function.End - function.Entry, Name: cut(withoutTypes(function.Name)),
			File: cut(file), Line: uint32(max(line, 0)),
		})
	}
	return list
}

// withoutTypes shortens the arguments of a generic function as the runtime does.
func withoutTypes(name string) string {
	from, to := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if from < 0 || to <= from {
		return name
	}
	return name[:from] + "[...]" + name[to+1:]
}
