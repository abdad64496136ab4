// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// maxInFlight bounds the requests of the load generator that are in flight; more
// are not made, so that a slow shop is not flooded.
const maxInFlight = 64

// generateLoad makes requests at random moments, at the rate of the settings on
// average, until the context is done.
func (s *service) generateLoad(ctx context.Context) error {
	client := s.newClient(10 * time.Second)
	inFlight := make(chan struct{}, maxInFlight)
	var requests sync.WaitGroup
	defer requests.Wait()
	for {
		pause(ctx, time.Duration(rand.ExpFloat64()/s.Rate*float64(time.Second)))
		if ctx.Err() != nil {
			return nil
		}
		method, path := nextRequest(rand.IntN(100))
		select {
		case inFlight <- struct{}{}:
			requests.Go(func() {
				defer func() { <-inFlight }()
				_ = call(ctx, client, method, url(storefront, path)) // the shop reports its failures itself
			})
		default:
		}
	}
}

// nextRequest chooses what a visitor does, by a number below 100: most look, few
// buy.
func nextRequest(n int) (method, path string) {
	switch {
	case n < 35:
		return http.MethodGet, "/products"
	case n < 55:
		return http.MethodGet, "/products/42"
	case n < 75:
		return http.MethodPost, "/cart"
	}
	return http.MethodPost, "/orders"
}
