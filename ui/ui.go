// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package ui holds the built web UI. Its sources are in src; `make ui` builds them into
// dist, which is committed, so that no one needs node to build or run Tapio.
package ui

import (
	"embed"
	"io/fs"
)

//go:embed dist
var dist embed.FS

// Files returns the built files: index.html and what it loads.
func Files() (fs.FS, error) { return fs.Sub(dist, "dist") }
