// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package world

import (
	"fmt"
	"slices"
	"strings"
)

// builder draws a system.
type builder struct {
	*World
	chance
	suffix string
	words  []string
	nouns  []string
}

const layers = 4

func (w *World) build(settings Settings) {
	b := &builder{World: w, chance: newChance(settings.Seed, 1)}
	b.suffix = pick(b.chance, []string{"", "", "-service", "-svc", "service"})
	b.words, b.nouns = serviceWords(), nounWords()
	b.Shuffle(len(b.words), func(i, j int) { b.words[i], b.words[j] = b.words[j], b.words[i] })
	n := settings.Services
	if n == 0 {
		n = b.count(8, 40)
	}
	w.style = style{
		kubernetes: !b.happens(0.25), zones: b.happens(0.7), oldDB: b.happens(0.3), tenants: b.happens(0.4),
		redToo: b.happens(0.3), interval: pick(b.chance, []int64{15, 30, 60, 60}), peer: b.happens(0.3), kernel: b.happens(0.3),
		linked: b.happens(0.5), family: pick(b.chance, []string{"k8s", "process", "container"}),
	}
	w.redOnly = settings.RedOnly || (!settings.Spans && b.happens(0.12))
	b.nodes()
	b.backends(n)
	b.services(n)
	b.operations()
	b.consumers()
	b.connect()
	b.capacities(settings)
}

func (b *builder) nodes() {
	zones := []string{"a", "b", "c"}[:b.count(1, 3)]
	region := pick(b.chance, []string{"eu-west-1", "us-east-2", "fsn1", "westeurope-"})
	for i := range b.count(3, 9) {
		name := fmt.Sprintf("%s-%d", pick(b.chance, []string{"node", "worker", "pool-a"}), i+1)
		if i%2 == 1 && b.style.kubernetes {
			name = fmt.Sprintf("ip-10-2-%d-%d", b.IntN(200), 10+i)
		}
		b.Nodes = append(b.Nodes, &Node{Name: name, Zone: region + zones[i%len(zones)], cores: 8, disk: b.between(0.3, 0.6)})
	}
}

// domain is how callers name what runs in the system.
func (b *builder) domain(name string) string {
	switch {
	case !b.style.kubernetes:
		return name + ".internal"
	case b.style.longNames:
		return name + ".data.svc.cluster.local"
	default:
		return name
	}
}

func (b *builder) backends(n int) {
	b.style.longNames = b.happens(0.5)
	add := func(kind backendKind, name, flavour string, port int64, median float64) {
		host := name
		if kind != external {
			host = b.domain(name)
		}
		made := &Backend{
			Name: name, Host: host, port: port, kind: kind, flavour: flavour, median: median, sigma: b.between(0.3, 0.6),
			metrics: kind != external && b.happens(0.4), node: pick(b.chance, b.Nodes), service: name,
		}
		for range b.count(2, 4) {
			made.tables = append(made.tables, pick(b.chance, b.nouns))
		}
		b.Backends = append(b.Backends, made)
	}
	for i := range max(1, n/7) {
		flavour, port := "postgresql", int64(5432)
		if b.happens(0.3) {
			flavour, port = "mysql", 3306
		}
		add(database, fmt.Sprintf("%s-%s", b.words[len(b.words)-1-i], pick(b.chance, []string{"db", "pg", "database"})), flavour, port, b.spread(0.002, 0.012))
	}
	add(cache, pick(b.chance, []string{"redis", "cache", "valkey", "session-cache"}), "redis", 6379, b.spread(0.0004, 0.0015))
	add(queue, pick(b.chance, []string{"kafka", "broker", "events-kafka"}), "kafka", 9092, b.spread(0.001, 0.004))
	hosts := externalHosts()
	b.Shuffle(len(hosts), func(i, j int) { hosts[i], hosts[j] = hosts[j], hosts[i] })
	for i := range b.count(1, 3) {
		add(external, hosts[i], "http", 443, b.spread(0.04, 0.2))
	}
}

func (b *builder) services(n int) {
	entries := entryWords()
	b.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
	for i := range n {
		layer := min(layers-1, 1+i*(layers-1)/n)
		name := b.words[i]
		if i < max(1, n/12) {
			layer, name = 0, entries[i]
		}
		b.service(name, layer)
	}
	workers := consumerWords()
	b.Shuffle(len(workers), func(i, j int) { workers[i], workers[j] = workers[j], workers[i] })
	for i := range b.count(1, 2) {
		b.service(workers[i], 2).consumer = true
	}
}

func (b *builder) service(name string, layer int) *Service {
	if !strings.Contains(name, "-") {
		name += b.suffix
	}
	s := &Service{
		Name: name, namespace: pick(b.chance, namespaceWords()), language: pick(b.chance, []string{"java", "java", "go", "python", "nodejs", "dotnet"}),
		version: fmt.Sprintf("%d.%d.%d", b.count(0, 4), b.IntN(20), b.IntN(9)), release: b.IntN(50), layer: layer, grpc: layer > 0 && b.happens(0.35),
		limit: pick(b.chance, []float64{256, 512, 1024, 2048}) * (1 << 20), heap: b.between(0.35, 0.6), burst: b.happens(0.15),
		red: b.redOnly || (layer == layers-1 && b.happens(0.12)),
	}
	b.Services = append(b.Services, s)
	replicas := pick(b.chance, []int{1, 2, 2, 3, 3, 5})
	for range replicas {
		b.start(s, 0)
	}
	return s
}

// start adds a replica to a service.
func (w *World) start(s *Service, at int64) *Instance {
	c := w.shape
	i := &Instance{
		Service: s, Node: w.Nodes[c.IntN(len(w.Nodes))], version: s.version, phase: c.Int64N(5 * second), started: at,
		id: fmt.Sprintf("%08x-%04x-4%03x-a%03x-%012x", c.Uint32(), c.Uint32()&0xffff, c.Uint32()&0xfff, c.Uint32()&0xfff, c.Uint64()&0xffffffffffff),
		ip: fmt.Sprintf("10.%d.%d.%d", 8+c.IntN(8), c.IntN(250), 2+c.IntN(250)), pid: int64(c.count(1, 30000)), red: map[redKey]*red{}, born: at,
	}
	s.pods++
	i.Pod = fmt.Sprintf("%s-%s-%s", s.Name, newChance(uint64(s.release), s.pods>>32).letters(9), c.letters(5))
	if !w.style.kubernetes {
		i.Pod = ""
	}
	if s.language == "java" {
		i.pauseAt = at + int64(c.between(1, 300)*float64(second))
	}
	s.replicas = append(s.replicas, i)
	return i
}

func (b *builder) operations() {
	for _, s := range b.Services {
		if s.consumer {
			continue
		}
		n := b.count(1, 3)
		if s.layer == 0 {
			n = b.count(3, 6)
		}
		for range n {
			s.ops = append(s.ops, b.operation(s))
		}
	}
}

func (b *builder) operation(s *Service) *Operation {
	noun := pick(b.chance, b.nouns)
	o := &Operation{
		Service: s, median: b.spread(0.001, 0.02), sigma: b.between(0.25, 0.7), tail: b.between(0, 0.01), failures: b.spread(0.00005, 0.002),
		parallel: b.happens(0.25), template: pick(b.chance, logTemplates()),
	}
	if s.layer == 0 {
		o.weight = b.spread(0.02, 1)
	}
	if s.grpc {
		o.method, o.route = pick(b.chance, verbWords())+strings.ToUpper(noun[:1])+noun[1:], s.namespace+"."+strings.ToUpper(s.Name[:1])+s.Name[1:]
		o.Name = o.route + "/" + o.method
	} else {
		o.method = pick(b.chance, []string{"GET", "GET", "POST", "PUT"})
		o.route = pick(b.chance, []string{"/api/" + noun, "/" + noun + "/{id}", "/v1/" + noun, "/" + noun + "/search", "/internal/" + noun})
		o.Name = o.method + " " + o.route
	}
	if slices.ContainsFunc(s.ops, func(p *Operation) bool { return p.Name == o.Name }) {
		return b.operation(s)
	}
	return o
}

// consumers are fed by a topic each.
func (b *builder) consumers() {
	broker := b.backend(queue)
	for _, s := range b.Services {
		if !s.consumer {
			continue
		}
		q := broker
		if q.consumer != nil { // another topic of the same broker
			copied := *broker
			q = &copied
			b.Backends = append(b.Backends, q)
		}
		topic := fmt.Sprintf("%s.%s", pick(b.chance, b.nouns), pick(b.chance, []string{"created", "changed", "requested"}))
		q.tables = []string{topic}
		q.consumer = &Operation{
			Service: s, Name: "process " + topic, method: "process", route: topic,
			median: b.spread(0.004, 0.03), sigma: 0.5, template: pick(b.chance, logTemplates()),
		}
		s.ops = append(s.ops, q.consumer)
	}
}
