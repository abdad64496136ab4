// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import "fmt"

// failure is how something fails.
type failure struct {
	kind    string // error.type
	message string
	status  int    // of HTTP; 0: no response
	logged  string // line of the service at fault, "" for none
	code    string // place in the source code
	within  float64
}

// passOn is how a caller fails because what it calls does.
func passOn(f *failure) *failure {
	status := 502
	if f.kind == "timeout" {
		status = 504
	}
	if f.status >= 500 {
		status = f.status
	}
	return &failure{kind: f.kind, message: f.message, status: status, within: 1}
}

// answered is what a caller knows of the failure of a service: what it answered.
func answered(c *Call, f *failure) *failure {
	status := max(500, f.status)
	answer := fmt.Sprintf("status %d", status)
	if c.op.Service.grpc {
		answer = fmt.Sprintf("rpc error: code = %d", grpcStatus(f))
	}
	return &failure{kind: fmt.Sprint(status), message: fmt.Sprintf("call of %s failed: %s", c.target(), answer), status: f.status, within: 1}
}
