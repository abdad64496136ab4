// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"
)

// callLimit is how long services wait for each other.
const callLimit = 5 * time.Second

// shopRoutes returns the operations of an instrumented service, and what it does
// in the background.
func (s *service) shopRoutes(ctx context.Context) (routes []route, background func(context.Context), err error) {
	client, none := s.newClient(callLimit), func(context.Context) {}
	switch s.Service {
	case storefront:
		return s.storefrontRoutes(client), none, nil
	case catalog:
		return []route{{"GET /products", spend(4 * time.Millisecond)}, {"GET /products/{id}", spend(2 * time.Millisecond)}}, s.crash, nil
	case recommendation:
		return []route{{"GET /recommendations", (&recommender{service: s}).recommend}}, none, nil
	case inventory:
		return []route{{"POST /reservations", s.reserve}}, none, nil
	case cart:
		return s.cartRoutes(), none, nil
	case checkout:
		routes, err = s.checkoutRoutes(client)
		return routes, none, err
	case payment:
		routes, err = s.paymentRoutes(ctx, client)
		return routes, none, err
	case shipping:
		return []route{{"GET /health", spend(time.Millisecond)}}, s.ship, nil
	}
	return nil, nil, fmt.Errorf("unknown service %q", s.Service)
}

func spend(median time.Duration) func(*http.Request) error {
	return func(r *http.Request) error {
		work(r.Context(), median)
		return nil
	}
}

// upstream is a call that a route of the storefront makes.
type upstream struct{ method, service, path string }

func (s *service) storefrontRoutes(client *http.Client) []route {
	calling := func(calls ...upstream) func(*http.Request) error {
		return func(r *http.Request) error {
			work(r.Context(), 2*time.Millisecond)
			for _, c := range calls {
				if err := call(r.Context(), client, c.method, url(c.service, c.path)); err != nil {
					return unavailable(err)
				}
			}
			return nil
		}
	}
	return []route{
		{"GET /products", calling(
			upstream{http.MethodGet, catalog, "/products"}, upstream{http.MethodGet, recommendation, "/recommendations"})},
		{"GET /products/{id}", calling(upstream{http.MethodGet, catalog, "/products/42"})},
		{"POST /cart", calling(upstream{http.MethodPost, cart, "/items"})},
		{"POST /orders", calling(upstream{http.MethodPost, checkout, "/orders"})},
	}
}

// startToCrash is how long catalog runs while it crashes again and again: long
// enough to export metrics once.
const startToCrash = 7 * time.Second

// crash panics, while the fault is active, as a service does that cannot read
// what it needs.
func (s *service) crash(ctx context.Context) {
	for {
		pause(ctx, startToCrash)
		if ctx.Err() != nil {
			return
		}
		if s.faults.active(crashLoop) {
			panic("refresh prices: unexpected end of JSON input")
		}
	}
}

func (s *service) reserve(r *http.Request) error {
	if s.faults.active(cpuBurn) {
		compute(r.Context(), 250*time.Millisecond)
		s.cpu.spend("net/http.(*conn).serve;"+handlerName(inventory, "POST /reservations")+";inventory.(*Planner).bestWarehouse;math.Sqrt", 250*time.Millisecond)
		return nil
	}
	compute(r.Context(), time.Millisecond)
	work(r.Context(), time.Millisecond)
	return nil
}

func (s *service) checkoutRoutes(client *http.Client) ([]route, error) {
	orders := s.newKeys(queue)
	placed, err := s.meter().Int64Counter("shop.orders", metric.WithUnit("{order}"))
	if err != nil {
		return nil, err
	}
	needs := []upstream{
		{http.MethodGet, cart, "/items"}, {http.MethodPost, inventory, "/reservations"}, {http.MethodPost, payment, "/charges"},
	}
	return []route{{"POST /orders", func(r *http.Request) error {
		work(r.Context(), 3*time.Millisecond)
		if s.faults.active(badVersion) && rand.IntN(3) == 0 {
			return errors.New("apply coupon: index out of range [3] with length 3")
		}
		for _, c := range needs {
			if err := call(r.Context(), client, c.method, url(c.service, c.path)); err != nil {
				return unavailable(err)
			}
		}
		if err := s.publish(r.Context(), orders); err != nil {
			return unavailable(err)
		}
		placed.Add(r.Context(), 1)
		s.log.InfoContext(r.Context(), "order placed")
		return nil
	}}}, nil
}

// bankRoutes are those of an API of others: it fails for one request in 200 even
// when all is well.
func (s *service) bankRoutes() []route {
	return []route{{"POST /transfers", func(r *http.Request) error {
		work(r.Context(), 25*time.Millisecond)
		chance := 0.005
		if s.faults.active(bankErrors) {
			chance = 0.6
		}
		if rand.Float64() < chance {
			return failure{http.StatusServiceUnavailable, "temporarily overloaded"}
		}
		return nil
	}}}
}
