// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	leakPerRequest = 3 << 20
	// leakLimit is what the rest of the process leaves of its memory.
	leakLimit = memoryLimit - 30<<20
	// leakedSearch is how long a request takes when all memory is leaked.
	leakedSearch = 400 * time.Millisecond
)

// recommender keeps every request in memory while it leaks, and looks through all
// of them for each.
type recommender struct {
	*service
	mu   sync.Mutex
	kept [][]byte
}

func (r *recommender) recommend(request *http.Request) error {
	leaked := r.keep() * leakPerRequest
	work(request.Context(), 6*time.Millisecond+time.Duration(float64(leakedSearch)*float64(leaked)/leakLimit))
	return nil
}

// keep returns how many requests are kept. At its limit the process ends as one
// does that the kernel kills.
func (r *recommender) keep() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.faults.active(memoryLeak) {
		r.kept = nil
		return 0
	}
	page := make([]byte, leakPerRequest)
	for i := 0; i < len(page); i += 4096 {
		page[i] = 1 // only memory that is written to is in use
	}
	r.kept = append(r.kept, page)
	if len(r.kept)*leakPerRequest >= leakLimit {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
	}
	return len(r.kept)
}
