// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

func (l *log[R]) retire() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.retireChunks()
	l.compactClosed()
	l.summaries.idle(l.now())
}

func (l *log[R]) retireChunks() {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.maxAge <= 0 {
		return
	}
	if l.head != nil && now.Sub(l.head.opened) > l.maxAge/chunksPerAge {
		l.closeHead()
	}
	for len(l.chunks) > 0 && now.Sub(l.chunks[0].arrived) > l.maxAge {
		l.dropOldest(reasonAge)
	}
}
