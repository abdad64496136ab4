// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "github.com/tapio/tapio/internal/model"

// Patterns groups log records by the pattern of their message, for whoever lists
// them. It is not safe for concurrent use.
type Patterns struct{ miner *miner }

// NewPatterns makes one that takes at most so much memory.
func NewPatterns(bytes int) *Patterns { return &Patterns{miner: newMiner(bytes)} }

// Of returns the pattern of a record.
func (p *Patterns) Of(e *model.Event) Pattern { return Pattern{p.miner.of(lineOf(e))} }

// Pattern is what the messages of some records have in common. Patterns can be
// compared.
type Pattern struct{ template *template }

// Text is the pattern with <*> where the messages differ.
func (p Pattern) Text() string { return p.template.shown() }
