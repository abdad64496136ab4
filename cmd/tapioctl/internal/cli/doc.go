// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package cli is the command line of tapioctl: the root command and the commands
// that stand alone.
package cli
