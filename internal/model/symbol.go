// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

// SymbolTable is the functions of a binary, by which frames without a function name find
// theirs.
type SymbolTable struct {
	// BuildID is the GNU build ID in hexadecimal, or the Go build ID.
	BuildID string
	// File is the name that the table was made of, for people.
	File      string
	Segments  []SymbolSegment
	Functions []SymbolFunction
}

// SymbolSegment is a part of the file that is loaded with code.
type SymbolSegment struct {
	Offset, Size uint64 // in the file
	Address      uint64 // as the symbol table has it
}

// SymbolFunction is a function.
type SymbolFunction struct {
	Address uint64
	Size    uint64 // 0: up to the next function
	Name    string
	File    string // source file, "" if unknown
	Line    int64  // where it begins, 0 if unknown
}

// SymbolTableInfo describes a stored table.
type SymbolTableInfo struct {
	BuildID, File string
	Functions     int
	Bytes         int64
	Stored        Nanos
}
