// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/protoconv"
	"github.com/tapio/tapio/internal/query"
)

// noted answers a call, and adds what readers report of their sources to the answer, and
// the tiers that took part.
func noted(ctx context.Context, req any, handle grpc.UnaryHandler) (any, error) {
	ctx, notes := query.WithNotes(ctx)
	ctx, sources := query.WithSources(ctx)
	resp, err := handle(ctx, req)
	if err != nil {
		return resp, notFoundIn(notes.List(), err)
	}
	if message, ok := resp.(proto.Message); ok {
		protoconv.SetNotes(message, notes.List())
		protoconv.SetSources(message, sources.List())
	}
	return resp, nil
}

// notFoundIn adds the sources that did not answer to an error about something that was
// not found in the others.
func notFoundIn(notes []query.Note, err error) error {
	known, ok := status.FromError(err)
	if len(notes) == 0 || !ok || known.Code() != codes.NotFound {
		return err
	}
	var missing []string
	for _, note := range notes {
		missing = append(missing, note.Source+": "+note.Message)
	}
	return status.Errorf(codes.NotFound, "%s; not all members answered: %s", known.Message(), strings.Join(missing, "; "))
}
