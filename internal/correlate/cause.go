// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

const maxFactors = 10

// rootCause ranks the candidates, and lists how the fault propagated from the first one.
func (de *describer) rootCause(g *group) model.RootCause {
	var rc model.RootCause
	total := 0.0
	for _, r := range g.ranking {
		total += r.odds()
	}
	// The weight of a cause that is none of the candidates: as much as one hint.
	total += baseline.HintStrength * baseline.HintStrength
	for i := range g.ranking[:min(maxFactors, len(g.ranking))] {
		r := &g.ranking[i]
		own := g.ofService(r.service)
		factor := model.CausalFactor{
			Rank: uint32(i + 1), Entity: de.entityOf(r.service, own), Probability: r.odds() / total, Reason: de.facts.say(g.reasonOf(r)),
			Within: de.within(r.service, own),
		}
		for _, s := range own[:min(4, len(own))] {
			factor.Evidence = append(factor.Evidence, s.evidence...)
		}
		factor.Evidence = sortedEvidence(factor.Evidence)
		rc.Factors = append(rc.Factors, factor)
	}
	if g.place != nil {
		rc.Factors = g.place.blame(rc.Factors)
	}
	// Weak evidence does not prove a cause, even without another candidate.
	rc.Confidence = rc.Factors[0].Probability * certainty(g.ranking[0].reason.strength)
	if reason := g.ranking[0].reason; !reason.opening() {
		rc.Confidence *= weightOf(reason.key.class) // this class of anomalies is mostly an effect
	}
	rc.Chain = de.chain(g)
	rc.Evidence = de.facts.evidenceOf(g)
	if d := g.doing; d != nil && g.place == nil {
		d.addTo(&rc)
	}
	return rc
}

// odds is the weight of a candidate relative to the others. Scores are sums of log-likelihood ratios
// of anomalies that are not independent: their exponential would overstate the first candidate, and
// the scores themselves would understate it; the square is between the two.
func (r *ranked) odds() float64 {
	score := r.score
	if relayed(r.reason) == 1 {
		score *= inherited
	}
	return score * score
}

// entityOf returns a service as an entity, with pod, node, process and place in the code where its
// anomalies have them.
func (de *describer) entityOf(service string, own []*sign) model.Entity {
	entity := serviceEntity(service)
	put := func(key, value string) {
		if _, has := entity.Attributes.Get(key); value != "" && !has {
			entity.Attributes = append(entity.Attributes, model.KeyValue{Key: key, Value: model.StringValue(value)})
		}
	}
	if part := sliceIn(own); part != nil {
		put(part.key, part.name)
		put(semconv.K8sPodName, part.pod)
		put(semconv.K8sNodeName, part.node)
	} else if only := de.topology.onlyInstance(service); only != nil {
		put(semconv.K8sPodName, only.pod)
		put(semconv.K8sNodeName, only.node)
	} else if s := de.topology.serviceNamed(service); !de.topology.sendsSpans(service) {
		put(semconv.K8sPodName, s.pod)
		put(semconv.K8sNodeName, s.node)
	}
	for _, sign := range own {
		switch sign.subject.Kind {
		case model.EntityCode:
			for _, kv := range sign.subject.Attributes {
				if kv.Key != semconv.ServiceName {
					put(kv.Key, kv.Value.Str())
				}
			}
		case model.EntityProcess:
			put(semconv.ProcessExecutableName, sign.subject.Name)
			pid, _ := sign.subject.Attributes.Get(semconv.ProcessPID)
			put(semconv.ProcessPID, pid.Str())
		default: // no other kind adds an attribute
		}
	}
	return de.asPeer(entity)
}

// maxWithin is the most places in the code, and the most processes, that are listed for a cause.
const maxWithin = 3

// within lists the parts of a service to look at, the most specific first. own holds its anomalies,
// the strongest first.
func (de *describer) within(service string, own []*sign) []model.Entity {
	var list []model.Entity
	for _, kind := range [...]model.EntityKind{model.EntityCode, model.EntityProcess} {
		named := map[string]bool{"": true}
		for _, s := range own {
			if s.subject.Kind == kind && !named[s.subject.Name] && len(named) <= maxWithin {
				named[s.subject.Name] = true
				list = append(list, s.subject)
			}
		}
	}
	s := de.topology.serviceNamed(service)
	pod, node := s.pod, s.node
	if part := sliceIn(own); part != nil {
		pod, node = part.pod, part.node
	} else if de.topology.sendsSpans(service) {
		pod, node = "", ""
		if only := de.topology.onlyInstance(service); only != nil {
			pod, node = only.pod, only.node
		}
	}
	for _, place := range [...]model.Entity{{Kind: model.EntityPod, Name: pod}, {Kind: model.EntityNode, Name: node}} {
		if place.Name != "" {
			list = append(list, place)
		}
	}
	return list
}

// chain lists breadth first how the fault propagated along calls, from the cause to the affected
// services.
func (de *describer) chain(g *group) []model.CausalLink {
	var links []model.CausalLink
	onsets := map[string]ranked{}
	for _, r := range g.ranking {
		onsets[r.service] = r
	}
	queue := []string{g.ranking[0].service}
	if g.place != nil {
		links, queue = g.place.links(de.facts, g), slices.Clone(g.place.hit)
	}
	seen := map[string]bool{}
	for _, cause := range queue {
		seen[cause] = true
	}
	for len(queue) > 0 && len(links) < maxFactors {
		cause := queue[0]
		queue = queue[1:]
		for _, caller := range append(de.topology.callersOf(cause), de.topology.waitingFor(g, cause)...) {
			r, hit := onsets[caller]
			if !hit || seen[caller] {
				continue
			}
			seen[caller] = true
			queue = append(queue, caller)
			links = append(links, de.callLink(g, cause, r))
		}
	}
	return links
}

func (de *describer) callLink(g *group, cause string, r ranked) model.CausalLink {
	link := model.CausalLink{
		Cause: serviceEntity(cause), Effect: serviceEntity(r.service), Onset: r.onset,
		Mechanism:  fmt.Sprintf("%s calls %s and waits for it or gets its errors: %s", r.service, cause, de.facts.say(g.reasonOf(&r))),
		Confidence: certainty(r.reason.strength),
	}
	if !de.topology.calls(r.service, cause) {
		link.Mechanism = fmt.Sprintf("%s shares its CPU quota with %s and has to wait: %s", r.service, cause, r.reason.text)
	}
	if own := g.ofService(r.service); len(own) > 0 {
		link.Evidence = own[0].evidence
	}
	return link
}

func (t *topology) callersOf(service string) []string {
	var list []string
	for key := range t.graph.calls.All() {
		if key.callee == service {
			list = append(list, key.caller)
		}
	}
	slices.Sort(list)
	return list
}

// certainty converts a strength (twice a log-likelihood ratio) into the probability of a change, with
// prior odds of one to a thousand.
func certainty(strength float64) float64 {
	return 1 / (1 + 1000*math.Exp(-strength/2))
}
