// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"strings"
)

// Faults of what services call: databases, caches, external APIs, names, certificates.
func dependencyFaults() []Kind {
	return []Kind{
		fault("slow database", slowDatabase),
		fault("slow statement", slowStatement),
		fault("lock contention", lockContention),
		fault("database refuses connections", refusingDatabase),
		fault("database disk full", fullDatabase),
		fault("slow external API", slowExternal),
		fault("external API returns 503", failingExternal),
		fault("expired certificate", expiredCertificate),
		fault("name not resolved", nameNotResolved),
		fault("slow name server", slowNames),
		fault("cache restart with stampede", cacheStampede),
		fault("slow cache", slowCache),
		fault("connection pool exhausted", poolExhausted),
	}
}

func slow() []string   { return []string{"slow"} }
func errors() []string { return []string{"errors"} }

func slowDatabase(m *maker) bool {
	b := m.aBackend(database)
	if b == nil {
		return false
	}
	add := m.spread(0.3, 2)
	m.right(append(slow(), "dependency"), b.names()...)
	m.detail("each statement takes %.2f s more", add)
	m.happen(m.h, doing(calls(b), func(_ *place, o *outcome) { o.add += m.traffic.lognormal(add, 0.3) }), busy(m, b, 0.1))
	return true
}

// busy shows in the metrics of a backend that has any.
func busy(_ *maker, b *Backend, cpu float64) *effect {
	return &effect{gauge: func(g *gauge, _ int64, value float64) float64 {
		switch {
		case g.backend == nil || g.backend.Host != b.Host:
		case g.what == cpuGauge:
			return value + cpu
		case g.what == clientGauge:
			return value * 2.5
		}
		return value
	}}
}

// aStatement draws a call of a database that is used much.
func (m *maker) aStatement(verb string) *Call {
	var fit []*Call
	for _, s := range m.Services {
		for _, o := range s.ops {
			for _, c := range o.calls {
				if c.backend != nil && c.backend.kind == database && !o.internal && m.uses.calls[c] >= enough && strings.HasPrefix(c.what, verb) && !m.taken(c.backend.Host) {
					fit = append(fit, c)
				}
			}
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return pick(m.chance, fit)
}

func slowStatement(m *maker) bool {
	c := m.aStatement("SELECT")
	if c == nil {
		return false
	}
	add := m.spread(0.4, 2)
	m.right(append(slow(), "dependency"), append(c.backend.names(), c.what)...)
	m.detail("%s of %s takes %.2f s more, other statements do not", c.what, m.uses.by[c].Service.Name, add)
	m.happen(m.h, doing(func(p *place) bool { return p.call != nil && p.call.backend == c.backend && p.call.what == c.what },
		func(_ *place, o *outcome) { o.add += m.traffic.lognormal(add, 0.3) }), busy(m, c.backend, 0.3))
	return true
}

func lockContention(m *maker) bool {
	c := m.aStatement("UPDATE")
	if c == nil {
		c = m.aStatement("INSERT")
	}
	if c == nil {
		return false
	}
	fail := &failure{kind: "55P03", message: "canceling statement due to lock timeout", within: 2}
	m.right([]string{"lock", "slow", "dependency"}, append(c.backend.names(), c.what)...)
	m.detail("writes to %s wait for a lock", c.table)
	m.happen(m.h, doing(
		func(p *place) bool {
			return p.call != nil && p.call.backend == c.backend && p.call.table == c.table && !strings.HasPrefix(p.call.what, "SELECT")
		},
		func(_ *place, o *outcome) {
			if m.traffic.happens(0.3) {
				o.fail = fail
			}
			o.add += m.traffic.lognormal(1, 0.4)
		}))
	return true
}

func refusingDatabase(m *maker) bool {
	b := m.aBackend(database)
	if b == nil {
		return false
	}
	fail := &failure{kind: "connection_refused", message: fmt.Sprintf("dial tcp %s:%d: connect: connection refused", b.Host, b.port)}
	m.right([]string{"unavailable"}, b.names()...)
	m.happen(m.h, doing(calls(b), func(_ *place, o *outcome) { o.fail = fail }))
	return true
}

func fullDatabase(m *maker) bool {
	c := m.aStatement("INSERT")
	if c == nil {
		c = m.aStatement("UPDATE")
	}
	if c == nil {
		return false
	}
	b := c.backend
	b.metrics = true
	fail := &failure{kind: "53100", message: fmt.Sprintf("could not extend file \"base/16384/%d\": No space left on device", m.count(20000, 30000))}
	m.right([]string{"disk"}, b.names()...)
	m.h.Lead = 25 * minute
	m.happen(m.h,
		doing(func(p *place) bool { return calls(b)(p) && !strings.HasPrefix(p.call.what, "SELECT") }, func(_ *place, o *outcome) { o.fail = fail }),
		&effect{from: m.h.Start - 25*minute, gauge: func(g *gauge, t int64, value float64) float64 {
			if g.what == diskGauge && g.backend == b {
				return value + (1-value)*ramp(t, m.h.Start-25*minute, m.h.Start)
			}
			return value
		}})
	return true
}

func slowExternal(m *maker) bool {
	b := m.aBackend(external)
	if b == nil {
		return false
	}
	add := m.spread(0.8, 4)
	m.right(append(slow(), "dependency"), b.names()...)
	m.detail("each call takes %.2f s more", add)
	m.happen(m.h, doing(calls(b), func(_ *place, o *outcome) { o.add += m.traffic.lognormal(add, 0.3) }))
	return true
}

func failingExternal(m *maker) bool {
	b := m.aBackend(external)
	if b == nil {
		return false
	}
	share := pick(m.chance, []float64{0.4, 0.7, 1})
	fail := &failure{kind: "503", message: "503 Service Unavailable", status: 503, within: 0.03}
	m.right([]string{"errors", "unavailable", "dependency"}, b.names()...)
	m.detail("%.0f%% of calls fail", share*100)
	m.happen(m.h, doing(calls(b), func(_ *place, o *outcome) {
		if m.traffic.happens(share) {
			o.fail = fail
		}
	}))
	return true
}

func expiredCertificate(m *maker) bool {
	fail := &failure{kind: "tls", message: "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time is after the end of its validity"}
	if b := m.aBackend(external); b != nil && m.happens(0.5) {
		m.right([]string{"certificate"}, b.names()...)
		m.happen(m.h, doing(calls(b), func(_ *place, o *outcome) { o.fail = fail }))
		return true
	}
	s := m.aService(func(s *Service) bool { return s.layer > 0 })
	if s == nil {
		return false
	}
	m.right([]string{"certificate"}, s.Name)
	m.happen(m.h, doing(callsService(s), func(_ *place, o *outcome) { o.fail = fail }))
	return true
}

func callsService(s *Service) func(*place) bool {
	return func(p *place) bool { return p.call != nil && p.call.op != nil && p.call.op.Service == s }
}

func nameNotResolved(m *maker) bool {
	b := m.aBackend(pick(m.chance, []backendKind{database, external, cache}))
	if b == nil {
		return false
	}
	fail := &failure{kind: "dns", message: fmt.Sprintf("lookup %s on 10.96.0.10:53: server misbehaving", b.Host), within: 0.02}
	m.right([]string{"dns"}, append(b.names(), "10.96.0.10", "10.96.0.10:53")...)
	m.happen(m.h, doing(calls(b), func(_ *place, o *outcome) { o.fail = fail }))
	return true
}

// slowNames: each third call waits for a name server that answers late.
func slowNames(m *maker) bool {
	n := m.Nodes[m.IntN(len(m.Nodes))]
	if len(m.Nodes) < 3 {
		return false
	}
	m.narrow([]string{"dns", "network", "slow", "node"}, n.Name)
	m.detail("a third of the calls made on the node waits 5 s for a name")
	m.style.kernel = true
	m.happen(m.h, doing(func(p *place) bool { return p.call != nil && p.on.Node == n }, func(p *place, o *outcome) {
		if !m.traffic.happens(0.33) {
			return
		}
		o.add += 5
		m.dnsEvent(p.on, p.at, p.call.target(), "timeout")
	}))
	return true
}

func slowCache(m *maker) bool {
	b := m.aBackend(cache)
	if b == nil {
		return false
	}
	m.right(append(slow(), "dependency"), b.names()...)
	m.happen(m.h, doing(calls(b), func(_ *place, o *outcome) { o.add += m.traffic.lognormal(0.25, 0.4) }))
	return true
}

// cacheStampede: the cache restarts; until it is full again the databases have its work.
func cacheStampede(m *maker) bool {
	b := m.aBackend(cache)
	if b == nil {
		return false
	}
	m.h.End = m.h.Start + 5*minute
	fail := &failure{kind: "connection_refused", message: fmt.Sprintf("dial tcp %s:%d: connect: connection refused", b.Host, b.port)}
	m.right([]string{"unavailable", "restart", "errors"}, b.names()...)
	m.detail("refuses for 40 s, then is empty: databases are 30 times slower, less from minute to minute")
	down := doing(calls(b), func(_ *place, o *outcome) { o.fail = fail })
	down.to = m.h.Start + 40*second
	m.happen(m.h, down, doing(func(p *place) bool { return p.call != nil && p.call.backend != nil && p.call.backend.kind == database },
		func(p *place, o *outcome) { o.factor *= 1 + 30*(1-ramp(p.at, m.h.Start, m.h.End)) }))
	return true
}

func poolExhausted(m *maker) bool {
	s := m.aService(func(s *Service) bool { return len(s.backends) > 0 && s.backends[0].kind == database && m.alive(s) > 0 })
	if s == nil {
		return false
	}
	b := s.backends[0]
	fail := &failure{kind: "pool_timeout", message: "timed out waiting for a connection from pool " + b.Name + " (size 20)", within: 3}
	m.right([]string{"pool"}, s.Name)
	m.detail("connections of the pool are not given back")
	m.happen(m.h, doing(func(p *place) bool { return calls(b)(p) && p.op.Service == s }, func(_ *place, o *outcome) {
		o.add += m.traffic.lognormal(0.9, 0.5)
		if m.traffic.happens(0.4) {
			o.fail = fail
		}
	}), &effect{gauge: func(g *gauge, _ int64, value float64) float64 {
		switch {
		case g.on == nil || g.on.Service != s:
		case g.what == poolGauge:
			return 1
		case g.what == waitGauge:
			return 15 + m.traffic.between(0, 10)
		}
		return value
	}})
	return true
}
