// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"sync/atomic"

	"github.com/tapio/tapio/internal/panics"
)

// panicReport is who receives panics in the goroutines of a store. What they were
// about stays as it is: rows are not compacted, files are written later.
type panicReport struct{ to atomic.Pointer[func(error)] }

// OnPanic calls report for panics that were recovered in the store's goroutines.
func (s *Store) OnPanic(report func(err error)) { s.panics.to.Store(&report) }

func (p *panicReport) add(err error) {
	if p == nil {
		return
	}
	if report := p.to.Load(); report != nil {
		(*report)(err)
	}
}

func (p *panicReport) contain(f func()) {
	if err := panics.Catch(f); err != nil {
		p.add(err)
	}
}

// worked makes the panic of a part of a query its error.
func worked(part func() error) (err error) {
	if panicked := panics.Catch(func() { err = part() }); panicked != nil {
		return errors.Join(errPanicked, panicked)
	}
	return err
}
