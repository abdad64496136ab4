// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package send holds the commands that send events and changes to a server.
package send
