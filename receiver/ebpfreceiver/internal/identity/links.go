//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"path"
	"path/filepath"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// links remembers where the links of the file system lead.
type links struct {
	known *simplelru.LRU[string, string]
}

// resolved follows links, as the kernel did: of a program that has ended, nothing else
// has the path. In a container the links of the host may lead elsewhere, which the name
// shows.
func (l *links) resolved(file string) string {
	if !path.IsAbs(file) {
		return file
	}
	if to, ok := l.known.Get(file); ok {
		return to
	}
	to, err := filepath.EvalSymlinks(file)
	if err != nil {
		to = file
	}
	l.known.Add(file, to)
	return to
}
