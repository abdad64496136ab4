//go:build !linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package programpages

// Release does nothing where the kernel does not list the pages.
func Release() error { return nil }
