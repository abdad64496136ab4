// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

// What looks unusual and harms no one.
func noises() []Kind {
	return []Kind{
		change("garbage collections", 15*minute, collections),
		change("heavy query of a cron job", 3*minute, cronQuery),
		change("quiet period", 15*minute, quietPeriod),
		change("CPU burst", 10*minute, cpuBurst),
		change("hourly batch", 6*minute, batch),
		change("NXDOMAIN of search domains", 10*minute, searchDomains),
		change("short-lived commands", 15*minute, shortCommands),
		change("served spike", 10*minute, spike),
		change("stalled exports", 5*minute, stalledExports),
		change("few failed requests", 10*minute, fewFailures),
		change("burst of log lines", 5*minute, burstOfLines),
	}
}

// collections: a service has a full garbage collection of up to 0.7 s a minute on each replica.
func collections(m *maker) bool {
	s := m.someService(func(s *Service) bool { return s.language == "java" && m.alive(s) > 0 })
	if s == nil {
		return false
	}
	m.right(nil, s.Name)
	m.happen(m.h, doing(runs(s), func(p *place, o *outcome) {
		if pause := (p.at + p.on.phase*60) % minute; pause < nanos(0.6) {
			o.add += 0.6 - float64(pause)/1e9
		}
	}))
	return true
}

func cronQuery(m *maker) bool {
	b := m.aBackend(database)
	if b == nil {
		return false
	}
	s := m.someService(func(s *Service) bool { return len(s.backends) > 0 && s.backends[0] == b && m.alive(s) > 0 })
	if s == nil {
		return false
	}
	m.right(nil, b.names()...)
	job := &Operation{Service: s, Name: "monthly-totals", median: 0.2, sigma: 0.2, internal: true, template: "job %s finished, %d rows", calls: []*Call{{
		chance: 1, backend: b, what: "SELECT " + b.tables[0], table: b.tables[0], timeout: 600, slower: m.between(3000, 9000),
		text: "SELECT date_trunc('month', at), sum(amount) FROM " + b.tables[0] + " GROUP BY 1",
	}}}
	m.happen(m.h, &effect{
		begin: func(t int64) {
			for range m.count(1, 4) {
				m.serve(m.newRequest(), job, s.replicas[0], t+m.Int64N(10*second), [8]byte{}, "")
			}
		},
	}, busy(m, b, 0.4))
	return true
}

func quietPeriod(m *maker) bool {
	m.happen(m.h, &effect{begin: func(int64) { m.factor *= 0.35 }, end: func(int64) { m.factor /= 0.35 }})
	return true
}

func cpuBurst(m *maker) bool {
	n := pick(m.chance, m.Nodes)
	m.right(nil, n.Name)
	m.happen(m.h, &effect{gauge: func(g *gauge, t int64, value float64) float64 {
		if g.what == cpuGauge && g.node == n && t/minute%3 != 0 {
			return value + 0.85*n.cores
		}
		return value
	}})
	return true
}

// batch: a job reads much; the database works, requests take a little longer.
func batch(m *maker) bool {
	b := m.aBackend(database)
	if b == nil {
		return false
	}
	m.right(nil, b.names()...)
	m.happen(m.h, busy(m, b, 0.6), doing(calls(b), func(_ *place, o *outcome) { o.factor *= 1.4 }))
	return true
}

func searchDomains(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	m.style.kernel = true
	m.right(nil, s.Name)
	m.happen(m.h, &effect{each: func(t int64) {
		for _, on := range s.replicas {
			for _, domain := range []string{".shop.svc.cluster.local", ".svc.cluster.local", ".cluster.local"} {
				if !on.gone && m.traffic.happens(0.3) {
					m.dnsEvent(on, t+m.traffic.Int64N(second), "api.paylane.example"+domain, "NXDOMAIN")
				}
			}
		}
	}})
	return true
}

func shortCommands(m *maker) bool {
	s := m.someService(func(s *Service) bool { return m.alive(s) > 0 })
	m.style.kernel = true
	m.right(nil, s.Name)
	m.happen(m.h, &effect{each: func(t int64) {
		on := s.replicas[0]
		if m.traffic.happens(0.4) {
			m.execEvent(on, t, pick(m.traffic, []string{"sed", "grep", "sh", "cat", "awk"}))
			m.exitEvent(on, t+second/10, m.traffic.Int64N(2))
		}
	}})
	return true
}

func spike(m *maker) bool {
	m.happen(m.h, &effect{begin: func(int64) { m.factor *= 3 }, end: func(int64) { m.factor /= 3 }})
	return true
}

// stalledExports: some replicas cannot send for a while; it all comes later.
func stalledExports(m *maker) bool {
	s := m.someService(func(s *Service) bool { return m.alive(s) > 0 })
	m.right(nil, s.Name)
	m.happen(m.h, &effect{begin: func(t int64) {
		for _, on := range s.replicas {
			on.stalled = t + m.Int64N(40*second)
		}
	}})
	return true
}

// fewFailures: one in two hundred requests of a service fails for a while.
func fewFailures(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	m.right(nil, s.Name)
	fail := &failure{kind: "ValidationError", message: "unknown currency code", status: 500, logged: "ValidationError: unknown currency code"}
	m.happen(m.h, doing(runs(s), func(_ *place, o *outcome) {
		if m.traffic.happens(0.003) {
			o.fail = fail
		}
	}))
	return true
}

func burstOfLines(m *maker) bool {
	s := m.someService(func(s *Service) bool { return m.alive(s) > 0 })
	m.right(nil, s.Name)
	m.happen(m.h, &effect{each: func(t int64) {
		for range m.traffic.poisson(4) {
			m.line(s.replicas[0], t+m.traffic.Int64N(second), nil, [8]byte{}, severityInfo, lineText(m.traffic, "imported record %d of %d", ""))
		}
	}})
	return true
}
