// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

// Faults of traffic and of queues.
func flowFaults() []Kind {
	return []Kind{
		fault("traffic drops to a tenth", droppedTraffic),
		fault("overload", overload),
		fault("retry storm", retryStorm),
		fault("queue lag", queueLag),
		fault("failing consumer", failingConsumer),
	}
}

func droppedTraffic(m *maker) bool {
	if m.rate < 2 {
		return false
	}
	names := map[string]bool{}
	m.eachEntry(func(o *Operation) { names[o.Service.Name] = true })
	for _, s := range m.Services {
		if names[s.Name] {
			m.right([]string{"traffic"}, s.Name)
		}
	}
	m.h.Unaffected = true
	m.happen(m.h, &effect{
		begin: func(t int64) {
			m.factor *= 0.1
			m.h.Observed.First, m.h.Observed.Twentieth = t, t+nanos(20/m.rate)
		},
		end: func(t int64) { m.factor *= 10; m.h.Observed.Last = t },
	})
	return true
}

// overload: more is asked of a service than it can do.
func overload(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	fail := &failure{kind: "503", message: "too many requests in flight", status: 503, logged: "request rejected, %d in flight"}
	m.right([]string{"overload", "traffic", "cpu", "slow"}, s.Name)
	m.detail("load grows to eight times; %s rejects some and is slow", s.Name)
	m.happen(m.h, doing(runs(s), func(p *place, o *outcome) {
		full := ramp(p.at, m.h.Start, m.h.Start+minute)
		if m.traffic.happens(0.3 * full) {
			o.fail = fail
			return
		}
		o.add += full * m.traffic.lognormal(0.7, 0.4)
	}), &effect{
		begin: func(int64) { m.factor *= 5 }, end: func(int64) { m.factor /= 5 },
		gauge: func(g *gauge, _ int64, value float64) float64 {
			if g.what == cpuGauge && g.on != nil && g.on.Service == s {
				return value + 3
			}
			return value
		},
	})
	return true
}

// retryStorm: a short failure makes callers retry; the retries keep the service
// overloaded after what began it is over.
func retryStorm(m *maker) bool {
	s := m.aService(func(s *Service) bool { return s.layer > 1 })
	if s == nil {
		return false
	}
	fail := &failure{kind: "503", message: "server overloaded", status: 503, logged: "request rejected, queue of %d is full"}
	m.right([]string{"retries", "overload", "errors", "cpu"}, s.Name)
	m.detail("all fails for 30 s, then retries keep it overloaded")
	m.happen(m.h, doing(runs(s), func(p *place, o *outcome) {
		if p.at < m.h.Start+30*second || m.traffic.happens(0.65) {
			o.fail = fail
			return
		}
		o.add += m.traffic.lognormal(0.8, 0.4)
	}), &effect{
		begin: func(int64) { m.extraRetries += 2 }, end: func(int64) { m.extraRetries -= 2 },
		gauge: func(g *gauge, _ int64, value float64) float64 {
			if g.what == cpuGauge && g.on != nil && g.on.Service == s {
				return value + 2.5
			}
			return value
		},
	})
	return true
}

func (m *maker) aQueue() *Backend {
	var fit []*Backend
	for _, b := range m.Backends {
		if b.consumer != nil && m.uses.ops[b.consumer] >= enough && !m.taken(b.consumer.Service.Name) {
			fit = append(fit, b)
		}
	}
	if len(fit) == 0 {
		return nil
	}
	return pick(m.chance, fit)
}

// queueLag: the consumer does not get on, messages wait.
func queueLag(m *maker) bool {
	b := m.aQueue()
	if b == nil {
		return false
	}
	m.right([]string{"lag"}, b.consumer.Service.Name, b.tables[0])
	m.h.Unaffected = true
	m.detail("the consumer group takes nothing from %s", b.tables[0])
	m.happen(m.h, &effect{
		hold: func(of *Backend) bool { return of == b && m.now%minute > 3*second },
		begin: func(t int64) {
			m.h.Observed.First, m.h.Observed.Twentieth = t, t+nanos(20/(m.rate*m.uses.ops[b.consumer]))
		},
		end: func(t int64) { m.h.Observed.Last = t },
	})
	return true
}

func failingConsumer(m *maker) bool {
	b := m.aQueue()
	if b == nil {
		return false
	}
	s, fail := b.consumer.Service, m.anException()
	m.right(errors(), s.Name, b.tables[0])
	m.h.Unaffected = true
	m.detail("messages of %s fail: %s", b.tables[0], fail.message)
	m.happen(m.h, doing(runs(s), func(_ *place, o *outcome) {
		if m.traffic.happens(0.7) {
			o.fail = fail
		}
	}), &effect{
		begin: func(t int64) {
			m.h.Observed.First, m.h.Observed.Twentieth = t, t+nanos(20/(m.rate*m.uses.ops[b.consumer]))
		},
		end: func(t int64) { m.h.Observed.Last = t },
	})
	return true
}
