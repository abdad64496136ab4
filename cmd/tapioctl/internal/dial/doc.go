// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package dial connects to a server as the flags, the environment and the
// configuration file describe, and explains errors of the connection.
package dial
