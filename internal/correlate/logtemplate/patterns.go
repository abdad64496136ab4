// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package logtemplate

import "github.com/tapio/tapio/internal/model"

// Patterns groups log records by the pattern of their message. It is not safe for concurrent use.
type Patterns struct{ miner *Miner }

// NewPatterns returns one that uses at most this many bytes.
func NewPatterns(bytes int) *Patterns { return &Patterns{miner: NewMiner(bytes)} }

// Of returns the pattern of a record.
func (p *Patterns) Of(e *model.Event) Pattern { return Pattern{p.miner.Of(LineOf(e))} }

// Pattern is what the messages of some records have in common. Patterns are comparable.
type Pattern struct{ template *Template }

// Text is the pattern, with <*> where messages differ.
func (p Pattern) Text() string { return p.template.Shown() }
