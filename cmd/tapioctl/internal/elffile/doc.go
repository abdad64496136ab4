// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package elffile reads the functions of executables, libraries and debug files, to be
// uploaded as symbols.
package elffile
