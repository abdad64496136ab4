// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The bounds of a table of functions in one request.
const (
	maxBuildIDBytes    = 256
	maxSymbolSegments  = 64
	maxSymbolFunctions = 100_000
)

// SymbolTable reads the functions of a binary.
func SymbolTable(req *tapiov1.UploadSymbolsRequest) (table model.SymbolTable, err error) {
	if n := len(req.GetBuildId()); n == 0 || n > maxBuildIDBytes {
		return table, model.InvalidField("build_id", "must have 1 to %d bytes, has %d: `readelf -n FILE` and `go tool buildid FILE` print it", maxBuildIDBytes, n)
	}
	if len(req.GetFile()) > maxFunctionBytes {
		return table, model.InvalidField("file", "must have at most %d bytes, has %d", maxFunctionBytes, len(req.GetFile()))
	}
	if err := atMost("segments", len(req.GetSegments()), maxSymbolSegments); err != nil {
		return table, err
	}
	if n := len(req.GetFunctions()); n == 0 || n > maxSymbolFunctions {
		return table, model.InvalidField("functions", "must be 1 to %d, are %d", maxSymbolFunctions, n)
	}
	table = model.SymbolTable{BuildID: req.GetBuildId(), File: req.GetFile(), Functions: make([]model.SymbolFunction, len(req.GetFunctions()))}
	for _, s := range req.GetSegments() {
		table.Segments = append(table.Segments, model.SymbolSegment{Offset: s.GetOffset(), Size: s.GetSize(), Address: s.GetAddress()})
	}
	for i, f := range req.GetFunctions() {
		if n := len(f.GetName()); n == 0 || n > maxFunctionBytes {
			return table, model.InvalidField(indexed("functions", i)+".name", "must have 1 to %d bytes, has %d", maxFunctionBytes, n)
		}
		if n := len(f.GetFile()); n > maxFunctionBytes {
			return table, model.InvalidField(indexed("functions", i)+".file", "must have at most %d bytes, has %d", maxFunctionBytes, n)
		}
		table.Functions[i] = model.SymbolFunction{
			Address: f.GetAddress(), Size: f.GetSize(), Name: f.GetName(), File: f.GetFile(), Line: int64(f.GetLine()),
		}
	}
	return table, nil
}

// SymbolTableInfo writes the description of a table.
func SymbolTableInfo(t *model.SymbolTableInfo) *tapiov1.SymbolTable {
	return &tapiov1.SymbolTable{
		BuildId: t.BuildID, File: t.File, FunctionCount: uint64(t.Functions), SizeBytes: uint64(t.Bytes), Time: timestamp(t.Stored),
	}
}
