// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

// Planned changes, which are no reason to wake anyone.
func changes() []Kind {
	return []Kind{
		change("rollout", 5*minute, rollout),
		change("cold cache after a deploy", 5*minute, coldCache),
		change("scale up", 10*minute, scaleUp),
		change("scale down", 10*minute, scaleDown),
		change("blue/green swap", 15*minute, blueGreen),
		change("drained service", 20*minute, drained),
		change("restart that recovers", 5*minute, restart),
		change("heap warm-up", 25*minute, heapWarmUp),
		change("cron job runs", 40*minute, cronJobRuns),
		change("new log lines with a release", 6*minute, newLines),
	}
}

func rollout(m *maker) bool {
	s := m.someService(func(s *Service) bool { return m.alive(s) > 1 })
	if s == nil {
		return false
	}
	m.right(nil, s.Name)
	m.happen(m.h, m.roll(s, m.h.Start, m.nextVersion()))
	return true
}

func coldCache(m *maker) bool {
	s := m.aService(func(s *Service) bool { return len(s.backends) > 0 })
	if s == nil {
		return false
	}
	m.right(nil, s.Name)
	warm := doing(func(p *place) bool { return p.call != nil && p.op.Service == s && p.call.backend != nil },
		func(p *place, o *outcome) { o.factor *= 1 + 4*(1-ramp(p.at, m.h.Start, m.h.Start+2*minute)) })
	warm.to = m.h.Start + 2*minute
	m.happen(m.h, m.roll(s, m.h.Start, m.nextVersion()), warm)
	return true
}

func scaleUp(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	m.right(nil, s.Name)
	m.happen(m.h, &effect{begin: func(t int64) {
		m.start(s, t)
		m.start(s, t)
	}})
	return true
}

func scaleDown(m *maker) bool {
	s := m.someService(func(s *Service) bool { return m.alive(s) > 2 })
	if s == nil {
		return false
	}
	m.right(nil, s.Name)
	m.happen(m.h, &effect{begin: func(int64) {
		s.replicas[0].gone = true
		m.sweep(s)
	}})
	return true
}

// blueGreen: the same program comes up under another name, and takes the traffic.
func blueGreen(m *maker) bool {
	s := m.aService(func(s *Service) bool { return s.layer > 0 && !s.grpc })
	if s == nil {
		return false
	}
	before := s.Name
	m.right(nil, s.Name, s.Name+"-green")
	m.happen(m.h, &effect{begin: func(t int64) {
		s.Name = before + "-green"
		s.release++
		for _, on := range s.replicas {
			on.gone = true
		}
		for range len(s.replicas) {
			m.start(s, t)
		}
		m.sweep(s)
	}})
	return true
}

// drained: a service is no longer called and then ends.
func drained(m *maker) bool {
	s := m.someService(func(s *Service) bool {
		return s.layer > 0 && !s.consumer && m.uses.service(s) > 0 && m.uses.service(s) < 0.5
	})
	if s == nil {
		return false
	}
	m.right(nil, s.Name)
	m.happen(m.h, &effect{
		request: func(p *place, o *outcome) { o.skip = o.skip || callsService(s)(p) },
	}, &effect{
		from: m.h.Start + 5*minute,
		begin: func(int64) {
			for _, on := range s.replicas {
				on.gone = true
			}
		},
		end: func(t int64) {
			for range len(s.replicas) {
				m.start(s, t)
			}
			m.sweep(s)
		},
	})
	return true
}

// restart: one replica of several ends and comes back.
func restart(m *maker) bool {
	s := m.someService(func(s *Service) bool { return m.alive(s) > 1 })
	if s == nil {
		return false
	}
	i := s.replicas[0]
	m.right(nil, s.Name, i.Pod)
	m.happen(m.h, &effect{
		to: m.h.Start + 20*second,
		begin: func(t int64) {
			i.gone = true
			m.exitEvent(i, t, 0)
			m.line(i, t, nil, [8]byte{}, severityInfo, "received SIGTERM, shutting down")
		},
		end: func(t int64) {
			i.gone = false
			i.restarted(t)
			m.line(i, t, nil, [8]byte{}, severityInfo, "starting, configuration read")
		},
	})
	return true
}

// restarted begins the counters of a replica again.
func (i *Instance) restarted(t int64) {
	i.started, i.born, i.red, i.order, i.gc, i.pauses = t, t, map[redKey]*red{}, nil, 0, 0
}

func heapWarmUp(m *maker) bool {
	s := m.someService(func(s *Service) bool { return s.language == "java" && m.alive(s) > 0 })
	if s == nil {
		return false
	}
	m.right(nil, s.Name)
	m.happen(m.h, &effect{
		begin: func(t int64) {
			for _, i := range s.replicas {
				i.restarted(t)
			}
		},
		gauge: func(g *gauge, t int64, value float64) float64 {
			if g.what == memoryGauge && g.on != nil && g.on.Service == s {
				return min(0.93, 0.2+0.7*ramp(t, m.h.Start, m.h.End-5*minute))
			}
			return value
		},
	})
	return true
}

// cronJobRuns: every five minutes a pod runs for a few, takes memory as it goes on,
// and ends well.
func cronJobRuns(m *maker) bool {
	s := &Service{
		Name: "report-" + m.letters(4), namespace: m.Services[0].namespace, language: "java", version: "1.0.0",
		heap: 0.9, limit: 1 << 30, consumer: true, layer: layers,
	}
	m.right(nil, s.Name)
	m.happen(m.h, &effect{
		begin: func(int64) { m.Services = append(m.Services, s) },
		each: func(t int64) {
			switch (t - m.h.Start) / second % 300 {
			case 0:
				i := m.start(s, t)
				m.line(i, t, nil, [8]byte{}, severityInfo, "job started")
			case 240:
				for _, i := range s.replicas {
					m.line(i, t, nil, [8]byte{}, severityInfo, "job finished")
					m.exitEvent(i, t, 0)
				}
				s.replicas = nil
			}
		},
		gauge: func(g *gauge, t int64, value float64) float64 {
			switch {
			case g.on == nil || g.on.Service != s:
				return value
			case g.what == memoryGauge:
				return 0.1 + 0.85*ramp(t, g.on.started, g.on.started+240*second)
			case g.what == cpuGauge:
				return 0.95
			}
			return value
		},
		end: func(int64) { s.replicas = nil },
	})
	return true
}

func newLines(m *maker) bool {
	s := m.aService(nil)
	if s == nil {
		return false
	}
	m.right(nil, s.Name)
	m.happen(m.h, m.roll(s, m.h.Start, m.nextVersion()), &effect{each: func(t int64) {
		for _, on := range s.replicas {
			if !on.gone && m.traffic.happens(0.5) {
				m.line(on, t, nil, [8]byte{}, severityWarn, lineText(m.traffic, "field amount_v1 is deprecated, request %d", ""))
			}
		}
	}})
	return true
}
