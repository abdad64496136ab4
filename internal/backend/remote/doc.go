// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package remote reads from another Tapio over its own gRPC API.
package remote
