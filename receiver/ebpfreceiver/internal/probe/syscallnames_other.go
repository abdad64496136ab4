//go:build linux && !amd64 && !arm64

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

// syscallTable names none: calls are told by their numbers on this machine.
const syscallTable = ""
