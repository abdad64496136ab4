// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package protoconv converts between package model and the messages of the gRPC
// API, including the OTLP messages embedded in them. No other package knows both.
// An invalid request is returned as a *model.FieldError that names the field by
// its path in the request.
//
// Messages built from model values share memory with them: marshal them, do not
// modify them.
package protoconv
