// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import "fmt"

// Faults of a service: its code, its release, its configuration, its memory.
func serviceFaults() []Kind {
	leak, creep := fault("memory leak", memoryLeak), fault("latency creeps up", creepingLatency)
	leak.Lasts, leak.Long = 3*hour, true
	creep.Lasts, creep.Long = 12*hour, true
	return []Kind{
		fault("slow service", slowService),
		fault("failing service", failingService),
		fault("failing operation", failingOperation),
		fault("bad release", badRelease),
		fault("slow release", slowRelease),
		fault("bad canary", badCanary),
		fault("bad configuration", badConfiguration),
		fault("feature flag", featureFlag),
		fault("service hangs", hangingService),
		fault("crash loop", crashLoop),
		fault("failing tenant", failingTenant),
		leak, creep,
	}
}

func (m *maker) anException() *failure {
	f := pick(m.chance, []failure{
		{kind: "TypeError", message: "cannot read properties of undefined (reading 'currency')", code: "applyRules (/app/src/rules.js:88:13)"},
		{kind: "java.lang.NullPointerException", message: "Cannot invoke \"Amount.value()\" because \"amount\" is null", code: "com.acme.rules.RuleEngine.apply(RuleEngine.java:231)"},
		{kind: "KeyError", message: "'region'", code: "File \"/app/rules.py\", line 77, in apply"},
		{kind: "InvalidOperation", message: "state transition from PAID to OPEN is not allowed", code: "app.(*Machine).Apply (machine.go:142)"},
	})
	f.status, f.within = 500, 0
	f.logged = f.kind + ": " + f.message
	return &f
}

func slowService(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	add := m.spread(0.25, 1.5)
	m.right(slow(), s.Name)
	m.detail("each request takes %.2f s more by itself", add)
	m.happen(m.h, doing(runs(s), func(_ *place, o *outcome) { o.add += m.traffic.lognormal(add, 0.3) }))
	return true
}

func failingService(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	fail, share := m.anException(), pick(m.chance, []float64{0.2, 0.5, 1})
	m.right(errors(), s.Name)
	m.detail("%.0f%% of requests fail: %s", share*100, fail.message)
	m.happen(m.h, doing(runs(s), func(_ *place, o *outcome) {
		if m.traffic.happens(share) {
			o.fail = fail
		}
	}))
	return true
}

func failingOperation(m *maker) bool {
	s := m.aService(func(s *Service) bool { return len(s.ops) > 1 })
	if s == nil {
		return false
	}
	fail, op := m.anException(), m.busiest(s)
	m.right(errors(), s.Name)
	m.detail("%s fails: %s", op.Name, fail.message)
	m.happen(m.h, doing(func(p *place) bool { return p.call == nil && p.op == op }, func(_ *place, o *outcome) {
		if m.traffic.happens(0.6) {
			o.fail = fail
		}
	}))
	return true
}

func badRelease(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	fail, share := m.anException(), m.between(0.25, 0.9)
	m.detail("%.0f%% of requests fail with the new version: %s", share*100, fail.message)
	m.release(s, func(o *outcome) {
		if m.traffic.happens(share) {
			o.fail = fail
		}
	})
	return true
}

func slowRelease(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	add := m.spread(0.25, 1)
	m.detail("the new version takes %.2f s more", add)
	m.release(s, func(o *outcome) { o.add += m.traffic.lognormal(add, 0.3) })
	return true
}

func badCanary(m *maker) bool {
	s := m.aService(func(s *Service) bool { return m.alive(s) >= 2 })
	if s == nil {
		return false
	}
	fail, version, before := m.anException(), m.nextVersion(), s.version
	var canary *Instance
	m.right([]string{"release"}, s.Name)
	m.detail("the one replica of %s fails: %s", version, fail.message)
	m.happen(m.h, &effect{
		begin: func(t int64) {
			s.version = version
			s.release++
			canary = m.start(s, t)
			s.version = before
			m.h.Entities = append(m.h.Entities, canary.Pod, canary.id, version)
		},
		request: func(p *place, o *outcome) {
			if p.call == nil && p.on == canary && m.traffic.happens(0.8) {
				o.fail = fail
			}
		},
		end: func(int64) { canary.gone = true; m.sweep(s) },
	})
	return true
}

func badConfiguration(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	fail := &failure{kind: "ConfigurationError", message: "missing key payment.region in configuration revision " + m.letters(7), status: 500}
	fail.logged = fail.message
	m.right([]string{"configuration", "errors"}, s.Name)
	told := doing(runs(s), func(_ *place, o *outcome) {
		if m.traffic.happens(0.7) {
			o.fail = fail
		}
	})
	told.begin = func(t int64) {
		for _, on := range s.replicas {
			m.line(on, t, nil, [8]byte{}, severityInfo, fmt.Sprintf("configuration reloaded, revision %s, %d keys", m.letters(7), m.count(20, 60)))
		}
	}
	m.happen(m.h, told)
	return true
}

func featureFlag(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	fail, key := m.anException(), "new-"+pick(m.chance, nounWords())
	m.right([]string{"flag", "errors"}, s.Name, key)
	m.detail("flag %s is on, %s", key, fail.message)
	told := doing(runs(s), func(_ *place, o *outcome) {
		if m.traffic.happens(0.6) {
			o.fail = fail
		}
	})
	told.begin = func(t int64) { m.flagEvent(s, t, key, "on") }
	told.end = func(t int64) { m.flagEvent(s, t, key, "off") }
	m.happen(m.h, told)
	return true
}

func hangingService(m *maker) bool {
	s := m.aService(func(s *Service) bool { return s.layer > 0 })
	if s == nil {
		return false
	}
	m.right([]string{"slow", "unavailable"}, s.Name)
	m.detail("all threads wait, requests take 40 s")
	m.happen(m.h, doing(runs(s), func(_ *place, o *outcome) { o.add += 40 }))
	return true
}

func crashLoop(m *maker) bool {
	s := m.aService(func(s *Service) bool { return s.layer > 0 })
	if s == nil {
		return false
	}
	fail := &failure{kind: "connection_refused", message: "dial tcp: connect: connection refused"}
	m.right([]string{"restart", "unavailable"}, s.Name)
	m.detail("all replicas exit a second after their start")
	next := int64(0)
	e := doing(callsService(s), func(_ *place, o *outcome) { o.fail = fail })
	e.each = func(t int64) {
		if t < next {
			return
		}
		next = t + 40*second
		for _, on := range s.replicas {
			on.restarted(t)
			m.line(on, t, nil, [8]byte{}, severityInfo, "starting, configuration read")
			m.line(on, t+second, nil, [8]byte{}, severityError, "fatal: cannot open store: bad magic number in header")
			m.exitEvent(on, t+second, 1)
		}
	}
	m.happen(m.h, e)
	return true
}

func failingTenant(m *maker) bool {
	if !m.style.tenants {
		return false
	}
	s, tenant := m.aService(nil), m.tenants[0]
	if s == nil {
		return false
	}
	fail := m.anException()
	m.right(errors(), s.Name, tenant)
	m.detail("requests of tenant %s fail", tenant)
	m.happen(m.h, doing(func(p *place) bool { return runs(s)(p) && p.tenant == tenant }, func(_ *place, o *outcome) { o.fail = fail }))
	return true
}

// memoryLeak: memory grows to its limit, the pauses of the collector with it, and
// the replicas are killed.
func memoryLeak(m *maker) bool {
	s := m.aService(func(s *Service) bool { return m.alive(s) > 0 })
	if s == nil {
		return false
	}
	m.right([]string{"memory"}, s.Name)
	leak := doing(runs(s), func(p *place, o *outcome) {
		if full := ramp(p.at, m.h.Start, m.h.End); full > 0.85 && m.traffic.happens(0.3) {
			o.add += m.traffic.lognormal((full-0.85)*4, 0.5)
		}
	})
	leak.gauge = func(g *gauge, t int64, value float64) float64 {
		if g.what == memoryGauge && g.on != nil && g.on.Service == s {
			return min(1, max(value, s.heap+(1-s.heap)*ramp(t, m.h.Start, m.h.End)))
		}
		return value
	}
	leak.end = func(t int64) {
		for _, on := range s.replicas {
			m.oomEvent(on, t)
			on.restarted(t)
		}
	}
	m.happen(m.h, leak)
	return true
}

// creepingLatency: 20 % more with every hour.
func creepingLatency(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	m.right(slow(), s.Name)
	m.happen(m.h, doing(runs(s), func(p *place, o *outcome) {
		hours := float64(p.at-m.h.Start) / float64(hour)
		o.add += 0.06 * (pow(1.2, hours) - 1) * m.traffic.lognormal(1, 0.2)
	}))
	return true
}
