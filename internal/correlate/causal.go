// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

// causal joins the cause with each service that calls it and set in no earlier,
// and within a service an exhausted resource with what it brings about.
func causal(e *Engine, g *group, _ []*sign) []*model.Correlation {
	var list []*model.Correlation
	cause := g.ranking[0]
	for _, effect := range g.ranking[1:] {
		if !e.calls(effect.service, cause.service) || effect.onset+2*e.slotWidth() < cause.onset {
			continue
		}
		c := e.joined(g, model.CorrelationCausal, "call_direction", []*sign{cause.reason, effect.reason}, cause.score/(cause.score+effect.score),
			fmt.Sprintf("%s calls %s: %s; then %s", effect.service, cause.service, cause.reason.text, effect.reason.text))
		c.Entities = []model.Entity{serviceEntity(cause.service), serviceEntity(effect.service)}
		list = append(list, c)
	}
	return append(list, chains(e, g, g.ofService(cause.service))...)
}

// chains applies what is known of a kernel: memory runs out before the process
// is killed, and a killed process refuses connections.
func chains(e *Engine, g *group, own []*sign) []*model.Correlation {
	var list []*model.Correlation
	for _, first := range own {
		for _, then := range own {
			if first != then && first.onset <= then.onset && leadsTo(first, then) {
				list = append(list, e.joined(g, model.CorrelationCausal, "kernel_chain", []*sign{first, then}, 1,
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
