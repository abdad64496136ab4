// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package redmetric

import (
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// outcome reads how the requests that attributes describe ended: whether they failed, and whether
// the attributes report it. A client error is no failure.
func outcome(attributes model.Attributes) (failed, reports bool) {
	if status := statusOfHTTP(attributes); status != "" {
		return status[0] == '5', true
	}
	if status := first(attributes, semconv.RPCGrpcStatusCode, "rpc_grpc_status_code", "grpc_code", "grpc_status", "grpc_status_code"); status != "" {
		return failsGRPC(status), true
	}
	if status := first(attributes, "status.code", "status_code", "outcome", "classification", "result", "status"); status != "" {
		return reportsFailure(status), true
	}
	if success := first(attributes, "success"); success != "" {
		return strings.EqualFold(success, "false"), true
	}
	switch fault := first(attributes, semconv.ErrorType, "error_type", "exception"); {
	case fault == "":
		return false, false
	case strings.EqualFold(fault, "none"):
		return false, true
	default:
		return !strings.HasPrefix(fault, "4"), true
	}
}

// statusOfHTTP is the status code, or the class of them as in 5xx, "" if unknown.
func statusOfHTTP(attributes model.Attributes) string {
	status := first(attributes, semconv.HTTPResponseStatusCode, semconv.HTTPStatusCode, "http_response_status_code", "http_status_code", "status_code", "response_code",
		"http_status", "status", "code")
	if !ofHTTP(status) {
		return ""
	}
	return status
}

// Relayed reports whether a reason of a failure is the status code of a gateway: a server behind it failed or
// did not answer.
func Relayed(reason string) bool { return reason == "502" || reason == "504" }

// reason is how requests failed, in the words of the attributes: the type of the error rather than a
// status, unless that is more specific than that requests failed; "" if unknown.
func reason(attributes model.Attributes) string {
	if fault := first(attributes, semconv.ErrorType, "error_type", "exception", semconv.DBResponseStatusCode, "db_response_status_code"); fault != "" && !strings.EqualFold(fault, "none") {
		return fault
	}
	if status := statusOfHTTP(attributes); Relayed(status) {
		return status
	}
	return nameOfGRPC(first(attributes, semconv.RPCGrpcStatusCode, "rpc_grpc_status_code", "grpc_code", "grpc_status", "grpc_status_code"))
}

// nameOfGRPC is the name of a status of gRPC that is given by its number.
func nameOfGRPC(status string) string {
	names := map[string]string{"2": "UNKNOWN", "4": "DEADLINE_EXCEEDED", "8": "RESOURCE_EXHAUSTED", "13": "INTERNAL", "14": "UNAVAILABLE", "15": "DATA_LOSS"}
	if name, found := names[status]; found {
		return name
	}
	return status
}

// ofHTTP reports whether a text is a status code of HTTP, or a class of them as in 5xx.
func ofHTTP(status string) bool {
	return len(status) == 3 && status[0] >= '1' && status[0] <= '5' && (status[1:] == "xx" || status[1] >= '0' && status[1] <= '9')
}

// failsGRPC reports whether a status of gRPC, its number or its name, is a failure of the server.
func failsGRPC(status string) bool {
	name := strings.ToLower(strings.ReplaceAll(status, "_", ""))
	return slices.Contains([]string{
		"2", "4", "8", "13", "14", "15", "unknown", "deadlineexceeded", "resourceexhausted", "internal", "unavailable", "dataloss",
	}, name)
}

// reportsFailure reports whether a word for how a request ended means that the server failed.
func reportsFailure(word string) bool {
	word = strings.ToLower(word)
	return slices.Contains([]string{"status_code_error", "error", "server_error", "failure", "failed", "fail", "ko"}, word)
}
