// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// The exit codes, as `tapioctl --help` tells them.
const (
	exitOK          = 0
	exitRefused     = 1
	exitUsage       = 2
	exitUnreachable = 3
)

// exitError ends the command with a code and one line for the person.
type exitError struct {
	code    int
	message string
}

func (e *exitError) Error() string { return e.message }

func usageErrorf(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Sprintf(format, args...)}
}

// explain turns any error into one line that says what to do. What is neither
// our own error nor the server's comes from cobra: a fault in the arguments.
func (a *app) explain(err error) *exitError {
	var own *exitError
	if errors.As(err, &own) {
		return &exitError{own.code, oneLine(own.message)}
	}
	s, ok := status.FromError(err)
	if !ok {
		return &exitError{exitUsage, oneLine(argumentFault(err.Error())) + "; see tapioctl --help"}
	}
	failure := a.explainStatus(s)
	failure.message = oneLine(failure.message)
	return failure
}

// argumentFault says in words what cobra says with line breaks and the names of
// Go's functions.
func argumentFault(message string) string {
	return strings.NewReplacer(
		"\n\nDid you mean this?\n\t", ": did you mean ", "\n\t", ", ", "\n", "",
		"strconv.ParseUint: parsing ", "", "strconv.ParseFloat: parsing ", "", "strconv.ParseInt: parsing ", "", "strconv.ParseBool: parsing ", "",
		": invalid syntax", ": write a number",
	).Replace(message)
}

func (a *app) explainStatus(s *status.Status) *exitError {
	server, message := a.flags.server, s.Message()
	switch s.Code() {
	case codes.Unavailable:
		return &exitError{exitUnreachable, a.flags.unavailable(message)}
	case codes.DeadlineExceeded:
		return &exitError{exitUnreachable, fmt.Sprintf(
			"no answer from %s within %v: raise --timeout, narrow the question, or check the address", server, a.flags.timeout)}
	case codes.InvalidArgument:
		return &exitError{exitUsage, "the server refuses the request: " + fieldProblems(s)}
	case codes.NotFound:
		return &exitError{exitRefused, "not found: " + message}
	case codes.Unauthenticated:
		return &exitError{exitRefused, fmt.Sprintf("%s denies access: %s: pass a valid --token (or TAPIO_TOKEN), "+
			"or --user with its password in TAPIO_PASSWORD", server, message)}
	case codes.PermissionDenied:
		return &exitError{exitRefused, fmt.Sprintf("%s denies access: %s", server, message)}
	case codes.ResourceExhausted:
		return &exitError{exitRefused, fmt.Sprintf("the server at %s refuses for want of room: %s", server, message)}
	case codes.FailedPrecondition:
		return &exitError{exitRefused, fmt.Sprintf("the server at %s is not set up for this: %s", server, message)}
	case codes.Unimplemented:
		if strings.HasPrefix(message, "unknown service") {
			message += ": is this the port of Tapio's API, by default 4417?"
		}
		return &exitError{exitRefused, fmt.Sprintf("the server at %s does not answer this: %s", server, message)}
	case codes.Aborted:
		return &exitError{exitRefused, "refused: " + message}
	case codes.Canceled:
		return &exitError{exitRefused, "interrupted"}
	default:
		return &exitError{exitRefused, fmt.Sprintf("the server at %s failed: %s: %s", server, s.Code(), message)}
	}
}

// unavailable tells a server that nobody runs from one that is not ready: the
// first is said by the client's own transport.
func (f *globalFlags) unavailable(message string) string {
	for _, prefix := range []string{"connection error:", "name resolver error:", "dns:", "produced zero addresses", "write tcp "} {
		if strings.HasPrefix(message, prefix) {
			return fmt.Sprintf("server not reachable at %s: %s (%s)", f.server, f.transportAdvice(message), message)
		}
	}
	return fmt.Sprintf("the server at %s is not ready: %s: try again in a moment", f.server, message)
}

// transportAdvice says what to do, by what the transport says went wrong. Of a
// server that refuses the certificate, or the lack of one, often only the reset of
// the connection arrives: it overtakes the reason.
func (f *globalFlags) transportAdvice(message string) string {
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

// hungUpAdvice says what to do when the server was reached and then hung up.
func (f *globalFlags) hungUpAdvice() string {
	switch {
	case !f.wantsTLS():
		return "does it want TLS (--tls)? is this the port of the gRPC API?"
	case f.tlsCert == "":
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

// writeError says that the output, not the question, is at fault; nil for nil.
func writeError(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitRefused, "cannot write the output: " + err.Error()}
}
