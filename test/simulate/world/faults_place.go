// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import "strconv"

// Faults of one replica, one node, one zone, one way.
func placeFaults() []Kind {
	return []Kind{
		fault("one replica fails", failingReplica),
		fault("one replica slow", slowReplica),
		fault("one replica not reachable", unreachableReplica),
		fault("noisy node", noisyNode),
		fault("node disk full", fullNode),
		fault("slow zone", slowZone),
		fault("slow network to a service", slowNetwork),
		fault("packet loss to a service", packetLoss),
		fault("clock skew", skewedClock),
	}
}

// aReplica draws one of three or more.
func (m *maker) aReplica() *Instance {
	s := m.aService(func(s *Service) bool { return m.alive(s) >= 3 && m.alive(s) == len(s.replicas) })
	if s == nil {
		return nil
	}
	return pick(m.chance, s.replicas)
}

func (i *Instance) names() []string {
	return []string{i.Pod, i.id, i.ip, i.Node.Name + ":" + strconv.FormatInt(i.pid, 10)}
}

func on(i *Instance) func(*place) bool {
	return func(p *place) bool { return p.call == nil && p.on == i }
}

func failingReplica(m *maker) bool {
	i := m.aReplica()
	if i == nil {
		return false
	}
	fail := &failure{kind: "IOException", message: "cannot read /etc/secrets/token: permission denied", status: 500}
	fail.logged = fail.message
	m.narrow(errors(), i.names()...)
	m.detail("one of %d replicas of %s fails", len(i.Service.replicas), i.Service.Name)
	m.happen(m.h, doing(on(i), func(_ *place, o *outcome) { o.fail = fail }))
	return true
}

func slowReplica(m *maker) bool {
	i := m.aReplica()
	if i == nil {
		return false
	}
	m.narrow(slow(), i.names()...)
	m.detail("one of %d replicas of %s takes 350 ms more", len(i.Service.replicas), i.Service.Name)
	m.happen(m.h, doing(on(i), func(_ *place, o *outcome) { o.add += m.traffic.lognormal(0.35, 0.2) }))
	return true
}

func unreachableReplica(m *maker) bool {
	i := m.aReplica()
	if i == nil || i.Service.layer == 0 {
		return false
	}
	fail := &failure{kind: "timeout", message: "dial tcp " + i.ip + ":8080: i/o timeout", within: 1}
	m.narrow([]string{"unavailable", "network"}, i.names()...)
	m.detail("one of %d replicas of %s cannot be reached", len(i.Service.replicas), i.Service.Name)
	m.style.peer = true
	m.happen(m.h, doing(func(p *place) bool { return p.callee == i }, func(_ *place, o *outcome) { o.fail = fail }))
	return true
}

// aNode draws a node that runs replicas of several services.
func (m *maker) aNode() *Node {
	count := map[*Node]int{}
	for _, s := range m.Services {
		for _, i := range s.replicas {
			if !i.gone && m.uses.service(s) >= enough {
				count[i.Node]++
			}
		}
	}
	var fit []*Node
	for _, n := range m.Nodes {
		if count[n] >= 3 && !m.taken(n.Name) {
			fit = append(fit, n)
		}
	}
	if len(fit) == 0 || len(m.Nodes) < 3 {
		return nil
	}
	return pick(m.chance, fit)
}

func noisyNode(m *maker) bool {
	n := m.aNode()
	if n == nil {
		return false
	}
	factor := m.spread(8, 25)
	m.narrow([]string{"cpu", "node", "slow"}, n.Name)
	m.detail("something takes the CPU of the node, what runs there is %.0f times slower", factor)
	m.happen(m.h,
		doing(func(p *place) bool { return p.call == nil && p.on.Node == n }, func(_ *place, o *outcome) {
			o.factor *= m.traffic.lognormal(factor, 0.3)
			o.add += m.traffic.lognormal(0.08, 0.5)
		}),
		&effect{gauge: func(g *gauge, _ int64, value float64) float64 {
			if g.what == cpuGauge && g.node == n {
				return value + n.cores
			}
			return value
		}})
	return true
}

func fullNode(m *maker) bool {
	n := m.aNode()
	if n == nil {
		return false
	}
	fail := &failure{kind: "OSError", message: "write /var/lib/spool: no space left on device", status: 500}
	fail.logged = fail.message
	m.narrow([]string{"disk"}, n.Name)
	m.h.Lead = 20 * minute
	m.happen(m.h,
		doing(func(p *place) bool { return p.call == nil && p.on.Node == n }, func(_ *place, o *outcome) {
			if m.traffic.happens(0.5) {
				o.fail = fail
			}
		}),
		&effect{from: m.h.Start - 20*minute, gauge: func(g *gauge, t int64, value float64) float64 {
			if g.what == diskGauge && g.node == n {
				return value + (1-value)*ramp(t, m.h.Start-20*minute, m.h.Start)
			}
			return value
		}})
	return true
}

func slowZone(m *maker) bool {
	zones := map[string]bool{}
	for _, n := range m.Nodes {
		zones[n.Zone] = true
	}
	if len(zones) < 2 || !m.style.zones {
		return false
	}
	zone := pick(m.chance, m.Nodes).Zone
	m.narrow([]string{"network", "slow", "zone"}, zone, "zone "+zone)
	m.detail("calls into and out of the zone take 250 ms more")
	m.happen(m.h, doing(func(p *place) bool {
		return p.call != nil && p.callee != nil && (p.callee.Node.Zone == zone) != (p.on.Node.Zone == zone)
	}, func(_ *place, o *outcome) { o.add += m.traffic.lognormal(0.25, 0.2) }))
	return true
}

func slowNetwork(m *maker) bool {
	s := m.aService(func(s *Service) bool { return s.layer > 0 && !s.red })
	if s == nil || m.redOnly {
		return false
	}
	m.right([]string{"network"}, s.Name)
	m.detail("the way to the service takes 300 ms more")
	m.happen(m.h, doing(callsService(s), func(_ *place, o *outcome) { o.add += m.traffic.lognormal(0.3, 0.2) }))
	return true
}

func packetLoss(m *maker) bool {
	s := m.aService(func(s *Service) bool { return s.layer > 0 && !s.red })
	if s == nil || m.redOnly {
		return false
	}
	m.right([]string{"network"}, s.Name)
	m.detail("a quarter of the calls waits for retransmits")
	m.happen(m.h, doing(callsService(s), func(_ *place, o *outcome) {
		if m.traffic.happens(0.25) {
			o.add += pick(m.traffic, []float64{0.2, 0.4, 1, 3})
		}
	}))
	return true
}

func skewedClock(m *maker) bool {
	i := m.aReplica()
	if i == nil {
		return false
	}
	fail := &failure{kind: "TokenError", message: "token used before issued", status: 401}
	fail.logged = fail.message
	m.narrow([]string{"clock", "errors"}, i.names()...)
	m.detail("the clock of one replica of %s is 4 min behind; it rejects tokens", i.Service.Name)
	e := doing(on(i), func(_ *place, o *outcome) { o.fail = fail })
	e.begin = func(int64) { i.skew = -4 * minute }
	e.end = func(int64) { i.skew = 0 }
	m.happen(m.h, e)
	return true
}
