// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package e2e starts the built binaries, bin/tapio and bin/tapioctl, and drives
// them from outside, over the network only. The environment variables TAPIO_BIN
// and TAPIOCTL_BIN name other binaries to test.
package e2e
