// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dial

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
)

// Explain turns any error into one line that reports what to do. What is neither
// our own error nor the server's comes from cobra: a fault in the arguments.
func (f *Flags) Explain(err error) *exitcode.Error {
	var own *exitcode.Error
	if errors.As(err, &own) {
		return &exitcode.Error{Code: own.Code, Message: render.OneLine(own.Message)}
	}
	s, ok := status.FromError(err)
	if !ok {
		return &exitcode.Error{Code: exitcode.Usage, Message: render.OneLine(exitcode.ArgumentFault(err.Error())) + "; see tapioctl --help"}
	}
	failure := f.explainStatus(s)
	failure.Message = render.OneLine(failure.Message)
	return failure
}

func (f *Flags) explainStatus(s *status.Status) *exitcode.Error {
	server, message := f.Server, s.Message()
	switch s.Code() {
	case codes.Unavailable:
		return &exitcode.Error{Code: exitcode.Unreachable, Message: f.Unavailable(message)}
	case codes.DeadlineExceeded:
		return &exitcode.Error{Code: exitcode.Unreachable, Message: fmt.Sprintf(
			"no answer from %s within %v: raise --timeout, narrow the question, or check the address", server, f.Timeout)}
	case codes.InvalidArgument:
		return &exitcode.Error{Code: exitcode.Usage, Message: "the server refuses the request: " + fieldProblems(s)}
	case codes.NotFound:
		return &exitcode.Error{Code: exitcode.Refused, Message: "not found: " + message}
	case codes.Unauthenticated:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("%s denies access: %s: pass a valid --token (or TAPIO_TOKEN), "+
			"or --user with its password in TAPIO_PASSWORD", server, message)}
	case codes.PermissionDenied:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("%s denies access: %s", server, message)}
	case codes.ResourceExhausted:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("the server at %s is out of capacity: %s", server, message)}
	case codes.FailedPrecondition:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("the server at %s is not set up for this: %s", server, message)}
	case codes.Unimplemented:
		if strings.HasPrefix(message, "unknown service") {
			message += ": is this the port of Tapio's API, by default 4417?"
		}
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("the server at %s does not answer this: %s", server, message)}
	case codes.Aborted:
		return &exitcode.Error{Code: exitcode.Refused, Message: "refused: " + message}
	case codes.Canceled:
		return &exitcode.Error{Code: exitcode.Refused, Message: "interrupted"}
	default:
		return &exitcode.Error{Code: exitcode.Refused, Message: fmt.Sprintf("the server at %s failed: %s: %s", server, s.Code(), message)}
	}
}

// Unavailable distinguishes a server that does not run from one that is not ready: the
// first is said by the client's own transport.
func (f *Flags) Unavailable(message string) string {
	for _, prefix := range []string{"connection error:", "name resolver error:", "dns:", "produced zero addresses", "write tcp "} {
		if strings.HasPrefix(message, prefix) {
			return fmt.Sprintf("server not reachable at %s: %s (%s)", f.Server, f.transportAdvice(message), message)
		}
	}
	return fmt.Sprintf("the server at %s is not ready: %s: try again in a moment", f.Server, message)
}

// transportAdvice reports what to do, by what the transport reports. Of a
// server that refuses the certificate, or the lack of one, often only the reset of
// the connection arrives: it overtakes the reason.
func (f *Flags) transportAdvice(message string) string {
	switch {
	case strings.Contains(message, "first record does not look like a TLS handshake"):
		return "it does not speak TLS: leave out --tls and the other --tls flags"
	case strings.Contains(message, "certificate required"), strings.Contains(message, "bad certificate"):
		return "it wants a certificate that it trusts: give --tls-cert and --tls-key"
	case strings.Contains(message, "certificate signed by unknown authority"):
		return "its certificate is not trusted: name its authority with --tls-ca-cert"
	case strings.Contains(message, "x509:"):
		return "its certificate is not the one expected: see --tls-server-name and --tls-ca-cert"
	case strings.Contains(message, "server preface"), strings.Contains(message, "write tcp "):
		return f.hungUpAdvice()
	default:
		return "is tapio running there? set --server or TAPIO_SERVER"
	}
}

// hungUpAdvice reports what to do when the server was reached and then hung up.
func (f *Flags) hungUpAdvice() string {
	switch {
	case !f.WantsTLS():
		return "does it want TLS (--tls)? is this the port of the gRPC API?"
	case f.TLSCert == "":
		return "if it wants a certificate, give --tls-cert and --tls-key"
	default:
		return "does it trust the certificate of --tls-cert? is this the port of the gRPC API?"
	}
}

// fieldProblems prefers the fields that the server names over its prose.
func fieldProblems(s *status.Status) string {
	var problems []string
	for _, detail := range s.Details() {
		bad, ok := detail.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, v := range bad.GetFieldViolations() {
			problems = append(problems, v.GetField()+": "+v.GetDescription())
		}
	}
	if len(problems) == 0 {
		return s.Message()
	}
	return strings.Join(problems, "; ")
}
