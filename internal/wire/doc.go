// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package wire is the door between the words of package tapio and the messages
// of the gRPC contract, with the OTLP messages embedded in it. Nothing else
// knows both. What a caller asked wrongly comes back as a *tapio.FieldError that
// names the field by its path in the request.
//
// Messages made from words share parts with one another: marshal them, do not
// change them.
package wire
