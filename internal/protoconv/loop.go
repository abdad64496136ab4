// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"strconv"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/query"
)

// The ErrorInfo of a *query.LoopError.
const (
	loopReason = "MEMBER_LOOP"
	loopDomain = "tapio"
	loopServer = "server"
	loopSelf   = "self"
)

func loopStatus(loop *query.LoopError) error {
	plain := status.New(codes.FailedPrecondition, loop.Error())
	detailed, err := plain.WithDetails(&errdetails.ErrorInfo{
		Reason: loopReason, Domain: loopDomain,
		Metadata: map[string]string{loopServer: loop.Server, loopSelf: strconv.FormatBool(loop.Self)},
	})
	if err != nil { // the detail cannot be encoded
		return plain.Err()
	}
	return detailed.Err()
}

// loopOf returns the loop that a status reports, nil if it is of another kind.
func loopOf(known *status.Status) *query.LoopError {
	for _, detail := range known.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetReason() == loopReason && info.GetDomain() == loopDomain {
			return &query.LoopError{Server: info.GetMetadata()[loopServer], Self: info.GetMetadata()[loopSelf] == "true"}
		}
	}
	return nil
}
