// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package calls

import (
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// PlainError is an error without its gRPC code.
func PlainError(err error) error {
	if st, ok := status.FromError(err); ok && st.Code() != codes.OK {
		return errorText(st.Message())
	}
	return err
}

type errorText string

func (e errorText) Error() string { return string(e) }
