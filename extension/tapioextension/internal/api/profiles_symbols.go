// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/protoconv"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// SymbolStore keeps the functions of binaries.
type SymbolStore interface {
	// PutSymbols stores a table in place of one with the same build ID or, with more, adds
	// its functions to that.
	PutSymbols(t *model.SymbolTable, more bool) (info model.SymbolTableInfo, evicted []string, err error)
	// ListSymbols describes the tables, the newest first.
	ListSymbols() []model.SymbolTableInfo
}

// UploadSymbols implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) UploadSymbols(
	ctx context.Context, req *tapiov1.UploadSymbolsRequest,
) (*tapiov1.UploadSymbolsResponse, error) {
	if s.symbols == nil {
		return nil, status.Error(codes.FailedPrecondition, "this server answers from its members: upload symbols to the member that stores the profiles")
	}
	table, err := protoconv.SymbolTable(req)
	if err != nil {
		return nil, err
	}
	info, evicted, err := s.symbols.PutSymbols(&table, req.GetMore())
	if err != nil {
		return nil, err
	}
	s.audit.symbols(ctx, &info, evicted)
	return &tapiov1.UploadSymbolsResponse{Table: protoconv.SymbolTableInfo(&info), EvictedBuildIds: evicted}, nil
}

// ListSymbols implements tapiov1.ObservabilityServiceServer.
func (s *observabilityService) ListSymbols(context.Context, *tapiov1.ListSymbolsRequest) (*tapiov1.ListSymbolsResponse, error) {
	if s.symbols == nil {
		return &tapiov1.ListSymbolsResponse{}, nil
	}
	return &tapiov1.ListSymbolsResponse{Tables: converted(s.symbols.ListSymbols(), protoconv.SymbolTableInfo)}, nil
}

// maxUnsymbolized is the most binaries that an analysis names.
const maxUnsymbolized = 10

// unsymbolized names the binaries whose functions are missing in a tree.
func unsymbolized(tree *model.CallTree) []*tapiov1.UnsymbolizedBinary {
	costs := map[[2]string]int64{}
	for i := 1; i < len(tree.Nodes); i++ {
		n := &tree.Nodes[i]
		if f := &tree.Frames[n.Frame]; n.Self > 0 && f.Function == "" && !f.IsTruncated() && f.Mapping != "" {
			costs[[2]string{f.Mapping, f.BuildID}] += n.Self
		}
	}
	list := make([]*tapiov1.UnsymbolizedBinary, 0, len(costs))
	for key, cost := range costs {
		list = append(list, &tapiov1.UnsymbolizedBinary{
			Mapping: key[0], BuildId: key[1], Value: float64(cost), Share: float64(cost) / float64(tree.Total()),
		})
	}
	slices.SortFunc(list, func(a, b *tapiov1.UnsymbolizedBinary) int {
		return cmp.Or(cmp.Compare(b.GetValue(), a.GetValue()), cmp.Compare(a.GetMapping(), b.GetMapping()), cmp.Compare(a.GetBuildId(), b.GetBuildId()))
	})
	return list[:min(len(list), maxUnsymbolized)]
}
