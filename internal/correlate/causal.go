// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

// causal correlates the cause with each affected service that calls it and did not deviate earlier,
// and within a service an exhausted resource with its consequences.
func causal(de *describer, g *group, _ []*sign) []*model.Correlation {
	var list []*model.Correlation
	cause := g.ranking[0]
	for _, effect := range g.ranking[1:] {
		if !de.topology.calls(effect.service, cause.service) || effect.onset+2*de.time.Width() < cause.onset {
			continue
		}
		c := de.joined(g, model.CorrelationCausal, "call_direction", []*sign{cause.reason, effect.reason}, cause.score/(cause.score+effect.score),
			fmt.Sprintf("%s calls %s: %s; then %s", effect.service, cause.service, cause.reason.text, effect.reason.text))
		c.Entities = []model.Entity{serviceEntity(cause.service), serviceEntity(effect.service)}
		list = append(list, c)
	}
	return append(list, chains(de, g, g.ofService(cause.service))...)
}

// chains correlates kernel events that are known to follow each other: memory runs out before the
// process is killed, and connections to a killed process are refused.
func chains(de *describer, g *group, own []*sign) []*model.Correlation {
	var list []*model.Correlation
	for _, first := range own {
		for _, then := range own {
			if first != then && first.onset <= then.onset && leadsTo(first, then) {
				list = append(list, de.joined(g, model.CorrelationCausal, "kernel_chain", []*sign{first, then}, 1,
					first.text+", and then "+then.text))
			}
		}
	}
	return list
}

func leadsTo(first, then *sign) bool {
	stage := func(s *sign) kernelrule.Stage {
		switch {
		case s.key.class == classResource:
			return 1
		case s.kernel != nil:
			return s.kernel.rule.Stage
		}
		return 0
	}
	return stage(first) > 0 && stage(then) > stage(first) && stage(then) > 1
}
