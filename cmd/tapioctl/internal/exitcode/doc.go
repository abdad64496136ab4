// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package exitcode holds the exit codes of tapioctl and the errors that end it with one.
package exitcode
