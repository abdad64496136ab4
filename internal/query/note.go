// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package query

import (
	"cmp"
	"context"
	"slices"
	"sync"
)

// SourceState is what became of one of several sources of an answer.
type SourceState uint8

// The states. What a source holds is missing from the answer, or a part of it.
const (
	SourceLate       SourceState = 1 + iota // did not answer in time
	SourceFailed                            // could not be reached, or failed
	SourceIncomplete                        // a part is missing
)

// Note reports about one source of an answer.
type Note struct {
	Source  string
	State   SourceState
	Message string // one sentence
}

// Notes collects what readers report while one request is answered. It is safe for
// concurrent use.
type Notes struct {
	mu       sync.Mutex
	bySource map[string]Note
}

type notesKey struct{}

// WithNotes returns a context under which readers report.
func WithNotes(ctx context.Context) (context.Context, *Notes) {
	notes := &Notes{bySource: map[string]Note{}}
	return context.WithValue(ctx, notesKey{}, notes), notes
}

// AddNote reports about a source. The first report of each source counts. Without
// WithNotes it does nothing.
func AddNote(ctx context.Context, note Note) {
	notes, ok := ctx.Value(notesKey{}).(*Notes)
	if !ok || ctx.Value(needlessKey{}) == note.Source {
		return
	}
	notes.mu.Lock()
	defer notes.mu.Unlock()
	if _, known := notes.bySource[note.Source]; !known {
		notes.bySource[note.Source] = note
	}
}

type needlessKey struct{}

// WithoutNeedOf returns a context for a query that a source has nothing to add to: that it is
// missing is not reported.
func WithoutNeedOf(ctx context.Context, source string) context.Context {
	return context.WithValue(ctx, needlessKey{}, source)
}

// IsMissing reports whether the source was late or failed while the same request is
// answered, so that it need not be asked again.
func IsMissing(ctx context.Context, source string) bool {
	notes, ok := ctx.Value(notesKey{}).(*Notes)
	if !ok {
		return false
	}
	notes.mu.Lock()
	defer notes.mu.Unlock()
	note, known := notes.bySource[source]
	return known && note.State != SourceIncomplete
}

// NotesIn returns what was reported under a context.
func NotesIn(ctx context.Context) []Note {
	if notes, ok := ctx.Value(notesKey{}).(*Notes); ok {
		return notes.List()
	}
	return nil
}

// List returns the reports by source.
func (n *Notes) List() []Note {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := make([]Note, 0, len(n.bySource))
	for _, note := range n.bySource {
		list = append(list, note)
	}
	slices.SortFunc(list, func(a, b Note) int { return cmp.Compare(a.Source, b.Source) })
	return list
}

// Noted is an interface that a Tail MAY implement too.
type Noted interface {
	// Notes returns what is to be reported since the last call.
	Notes() []Note
}
