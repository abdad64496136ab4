// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package trouble puts the troubles of the optional parts of one component together into
// its status.
package trouble

import (
	"errors"
	"maps"
	"slices"
	"sync"
)

// Board holds the troubles of parts by name. It is safe for concurrent use.
type Board struct {
	// Report is called with all troubles after each change, nil for none, and never by two
	// goroutines at once.
	Report func(err error)

	mu        sync.Mutex
	troubles  map[string]error
	reporting sync.Mutex
}

// Set notes the trouble of a part, nil for its end. It does not wait for Report.
func (b *Board) Set(part string, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		if b.troubles[part] == nil {
			return
		}
		delete(b.troubles, part)
	} else {
		if b.troubles == nil {
			b.troubles = map[string]error{}
		}
		b.troubles[part] = err
	}
	go b.report()
}

// report reports what is wrong now, so that the last report is right in whatever order
// these run.
func (b *Board) report() {
	b.reporting.Lock()
	defer b.reporting.Unlock()
	b.mu.Lock()
	var all []error
	for _, part := range slices.Sorted(maps.Keys(b.troubles)) {
		all = append(all, b.troubles[part])
	}
	b.mu.Unlock()
	b.Report(errors.Join(all...))
}
