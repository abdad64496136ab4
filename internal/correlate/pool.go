// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import "github.com/tapio/tapio/internal/correlate/failure"

// ofPool reports whether a failure is that a connection pool is exhausted.
func ofPool(reason string) bool { return failure.ClassOf(reason) == failure.Pool }

// blamePools attributes slow calls to the caller whose connection pool is exhausted: what
// waits for a connection looks as if it waited for the callee. The callee stays at fault
// if it was slow before the pool was exhausted, or if other callers wait for it too.
func (r *ranker) blamePools(signs []*sign, blame map[*sign]string) {
	for _, pool := range signs {
		callee, found := pool.exhausts()
		if !found {
			continue
		}
		var waits []*sign
		others := false
		for _, s := range signs {
			switch {
			case !s.dependency || s.key.class != classSelf || s.key.service != callee:
			case s.key.peer != pool.key.service:
				others = true
			case s.onset+r.time.Dated() >= pool.onset:
				waits = append(waits, s)
			}
		}
		if others {
			continue
		}
		for _, s := range waits {
			blame[s] = pool.key.service
		}
	}
}
