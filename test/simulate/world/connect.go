// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"strings"
)

// connect draws which operation calls which: each operation calls operations of deeper layers
// and backends, and each service but the entries is called by one at least.
func (b *builder) connect() {
	called := map[*Service]bool{}
	for _, s := range b.Services {
		for _, o := range s.ops {
			for range b.callees(s) {
				if to := b.deeper(s); to != nil {
					b.call(o, pick(b.chance, to.ops))
					called[to] = true
				}
			}
			b.useBackends(s, o)
		}
	}
	for _, s := range b.Services {
		for i := 0; s.layer > 0 && !s.consumer && i < len(s.ops); i++ {
			if called[s] && i > 0 && b.happens(0.5) {
				continue
			}
			if from := b.shallower(s); from != nil {
				b.call(pick(b.chance, from.ops), s.ops[i])
			}
		}
	}
	b.feedQueues()
}

func (b *builder) callees(s *Service) int {
	switch {
	case s.consumer:
		return b.IntN(2)
	case s.layer == 0:
		return b.count(1, 3)
	case s.layer < layers-1:
		return b.count(0, 2)
	}
	return 0
}

func (b *builder) deeper(s *Service) *Service {
	return b.someService(func(t *Service) bool { return t.layer > s.layer && !t.consumer && len(t.ops) > 0 })
}

func (b *builder) shallower(s *Service) *Service {
	return b.someService(func(t *Service) bool { return t.layer < s.layer && t.layer >= s.layer-2 && !t.consumer })
}

func (b *builder) someService(is func(*Service) bool) *Service {
	var fit []*Service
	for _, s := range b.Services {
		if is(s) {
			fit = append(fit, s)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return pick(b.chance, fit)
}

func (b *builder) call(from, to *Operation) {
	if slices.ContainsFunc(from.calls, func(c *Call) bool { return c.op == to }) {
		return
	}
	from.calls = append(from.calls, &Call{
		chance: pick(b.chance, []float64{1, 1, 1, 0.6, 0.25}), op: to, what: to.Name, timeout: pick(b.chance, []float64{2, 5, 10, 30}),
		retries: pick(b.chance, []int{0, 0, 1, 2}), optional: b.happens(0.12), slower: 1,
	})
}

// useBackends gives an operation its statements. The deepest have most of them.
func (b *builder) useBackends(s *Service, o *Operation) {
	if s.layer == 0 && b.happens(0.8) {
		return
	}
	if len(s.backends) == 0 {
		s.backends = append(s.backends, b.backend(database))
		if b.happens(0.4) {
			s.backends = append(s.backends, b.backend(cache))
		}
		if s.layer == layers-1 && b.happens(0.35) {
			s.backends = append(s.backends, b.backend(external))
		}
	}
	for _, backend := range s.backends {
		if b.happens(0.75) {
			o.calls = append(o.calls, b.statement(backend))
		}
	}
}

func (b *builder) backend(kind backendKind) *Backend {
	var fit []*Backend
	for _, backend := range b.Backends {
		if backend.kind == kind {
			fit = append(fit, backend)
		}
	}
	return pick(b.chance, fit)
}

func (b *builder) statement(to *Backend) *Call {
	c := &Call{chance: pick(b.chance, []float64{1, 1, 0.7, 0.3}), backend: to, timeout: pick(b.chance, []float64{3, 5, 10, 30}), slower: b.spread(0.5, 3), table: pick(b.chance, to.tables)}
	switch to.kind {
	case database:
		verb := pick(b.chance, []string{"SELECT", "SELECT", "SELECT", "UPDATE", "INSERT"})
		c.what = verb + " " + c.table
		c.text = map[string]string{
			"SELECT": "SELECT id, state, amount FROM " + c.table + " WHERE account_id = $1", "UPDATE": "UPDATE " + c.table + " SET state = $1 WHERE id = $2",
			"INSERT": "INSERT INTO " + c.table + " (id, state) VALUES ($1, $2)",
		}[verb]
	case cache:
		c.what, c.text, c.optional, c.slower = pick(b.chance, []string{"GET", "HGETALL", "MGET"}), "", b.happens(0.5), 1
	case external:
		c.what, c.slower, c.retries = pick(b.chance, []string{"POST /v2/charges", "GET /v1/rates", "POST /api/check", "GET /lookup"}), 1, b.IntN(2)
	case queue:
		c.what, c.table = "send "+to.tables[0], to.tables[0]
	}
	return c
}

func (b *builder) feedQueues() {
	for _, q := range b.Backends {
		for i := 0; q.consumer != nil && i < b.count(1, 2); i++ {
			from := b.someService(func(s *Service) bool { return !s.consumer && len(s.ops) > 0 && s.layer < layers-1 })
			c := b.statement(q)
			c.chance, c.optional = 1, false
			o := pick(b.chance, from.ops)
			o.calls = append(o.calls, c)
		}
	}
}

// capacities sets how much each service can do: what it has on a normal day is a
// third of that.
func (b *builder) capacities(settings Settings) {
	b.rate = settings.Rate
	if b.rate == 0 {
		b.rate = b.spread(0.5, 40)
	}
	sum := 0.0
	b.eachEntry(func(o *Operation) { sum += o.weight })
	b.eachEntry(func(o *Operation) { o.weight /= sum })
	for _, s := range b.Services {
		s.namespace = b.Services[0].namespace
	}
	b.load = newLoad(b.chance, b.rate, settings)
}

func (w *World) eachEntry(visit func(*Operation)) {
	for _, s := range w.Services {
		for _, o := range s.ops {
			if o.weight > 0 {
				visit(o)
			}
		}
	}
}

// Describe describes the system for readers of the results.
func (w *World) Describe() string {
	replicas, red := 0, 0
	for _, s := range w.Services {
		replicas += len(s.replicas)
		if s.red {
			red++
		}
	}
	var backends []string
	for _, b := range w.Backends {
		backends = append(backends, b.Name)
	}
	return fmt.Sprintf("%d services (%d with metrics only), %d replicas on %d nodes, %.2g requests/s, %s",
		len(w.Services), red, replicas, len(w.Nodes), w.rate, strings.Join(backends, " "))
}
