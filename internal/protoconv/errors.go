// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// ErrPayloadTooLarge reports that a payload, once unpacked, is longer than the
// server takes.
var ErrPayloadTooLarge = errors.New("payload is longer than the server takes")

// Status turns an error into one that gRPC can carry. A *model.FieldError
// becomes INVALID_ARGUMENT with a google.rpc.BadRequest, a *query.LoopError
// FAILED_PRECONDITION with a google.rpc.ErrorInfo, ErrPayloadTooLarge and
// *model.ExhaustedError RESOURCE_EXHAUSTED, an error of a context CANCELLED or DEADLINE_EXCEEDED; a
// status stays what it is, and all else is INTERNAL. Status of nil is nil.
func Status(err error) error {
	if err == nil {
		return nil
	}
	if fault, ok := errors.AsType[*model.FieldError](err); ok {
		return invalidArgument(fault)
	}
	if loop, ok := errors.AsType[*query.LoopError](err); ok {
		return loopStatus(loop)
	}
	if known, ok := status.FromError(err); ok {
		return known.Err()
	}
	return status.Error(codeOf(err), err.Error())
}

func codeOf(err error) codes.Code {
	if _, exhausted := errors.AsType[*model.ExhaustedError](err); exhausted {
		return codes.ResourceExhausted
	}
	if _, unavailable := errors.AsType[*model.UnavailableError](err); unavailable {
		return codes.Unavailable
	}
	switch {
	case errors.Is(err, ErrPayloadTooLarge):
		return codes.ResourceExhausted
	case errors.Is(err, context.Canceled):
		return codes.Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	default:
		return codes.Internal
	}
}

// ErrorOf is the error of a call to another server as the data model has it.
func ErrorOf(err error) error {
	known, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	switch known.Code() {
	case codes.Canceled:
		return errors.Join(context.Canceled, err)
	case codes.DeadlineExceeded:
		return errors.Join(context.DeadlineExceeded, err)
	case codes.InvalidArgument:
		return fieldErrorOf(known)
	case codes.FailedPrecondition:
		if loop := loopOf(known); loop != nil {
			return loop
		}
		return fmt.Errorf("%s (%s)", known.Message(), known.Code()) //nolint:err113 // to be read
	case codes.ResourceExhausted:
		return &model.ExhaustedError{Problem: known.Message()}
	case codes.Unavailable:
		return &model.UnavailableError{Problem: known.Message()}
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("refused the credentials of this server: %s", known.Message()) //nolint:err113 // to be read, the caller's credentials are others
	case codes.Unimplemented:
		return fmt.Errorf("does not have this call, it may be an older release: %w: %s", errors.ErrUnsupported, known.Message())
	case codes.NotFound:
		return err
	case codes.Unknown:
		if status, _, found := strings.Cut(known.Message(), ";"); found && strings.HasPrefix(status, "unexpected HTTP status code") {
			return fmt.Errorf("is no gRPC server (%s): name the gRPC address, whose port is 4417 by default", status) //nolint:err113 // as above
		}
		return fmt.Errorf("%s (%s)", known.Message(), known.Code()) //nolint:err113 // as above
	default:
		return fmt.Errorf("%s (%s)", known.Message(), known.Code()) //nolint:err113 // as above
	}
}

func fieldErrorOf(known *status.Status) error {
	for _, detail := range known.Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) > 0 {
			first := bad.GetFieldViolations()[0]
			return &model.FieldError{Field: first.GetField(), Problem: first.GetDescription()}
		}
	}
	return &model.FieldError{Field: "request", Problem: known.Message()}
}

func invalidArgument(fault *model.FieldError) error {
	plain := status.New(codes.InvalidArgument, fault.Error())
	detailed, err := plain.WithDetails(&errdetails.BadRequest{
		FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: fault.Field, Description: fault.Problem},
		},
	})
	if err != nil { // the detail did not marshal; the message has it nevertheless
		return plain.Err()
	}
	return detailed.Err()
}

// within puts the path of an outer field before that of a FieldError. Paths are
// put together only on the way out of a fault, so that good input costs none.
func within(field string, err error) error {
	fault, ok := errors.AsType[*model.FieldError](err)
	if !ok {
		return err
	}
	return &model.FieldError{Field: joinPath(field, fault.Field), Problem: fault.Problem}
}

// withinItem is within for an entry of a repeated field.
func withinItem(field string, i int, err error) error {
	return within(indexed(field, i), err)
}

func indexed(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

func joinPath(outer, inner string) string {
	if outer == "" || inner == "" || strings.HasPrefix(inner, "[") {
		return outer + inner
	}
	return outer + "." + inner
}
