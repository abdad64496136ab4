// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// resolved is the title of what is over. Where it is too long, the number of requests goes
// first, then what the service wrote, then the times, and the mechanism last.
func (i *Incident) resolved(head, rollout string, c clause) string {
	what := c.subject + " " + c.past + rollout
	timed := fmt.Sprintf("%s (%s): ", head, clockRange(i.Start, i.Over)) + what
	quote := ""
	if strings.HasPrefix(c.detail, "\"") {
		quote = c.short()
	}
	for _, title := range []string{
		timed + quote + comma(i.hurtPast(true)),
		timed + quote + comma(i.hurtPast(false)),
		timed + comma(i.hurtPast(true)),
		timed + comma(i.hurtPast(false)),
		head + ": " + what + comma(i.hurtPast(false)),
		head + ": " + what,
	} {
		if len(title) <= MaxTitle {
			return title
		}
	}
	return Clip(head+": "+what, MaxTitle-len("…"))
}

// hurtPast returns how users were affected, and how many requests if they are to be counted.
func (i *Incident) hurtPast(counted bool) string {
	if i.Impact == nil || len(i.Impact.Operations) == 0 || i.Kind != model.GroupIncident {
		return ""
	}
	im, op := i.Impact, &i.Impact.Operations[0]
	requests := ""
	if counted {
		requests = " (" + count(im.FailedRequests+im.SlowRequests) + " requests)"
	}
	if op.ErrorRatio-op.BaselineErrorRatio >= op.SlowRatio/2 {
		return fmt.Sprintf("%s of %s failed", Percent(op.ErrorRatio), op.Operation) + requests
	}
	return fmt.Sprintf("%s of %s were slow", Percent(op.SlowRatio), op.Operation) + requests
}
