// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"

	"github.com/tapio/tapio/internal/model"
)

// resolved is the title of what is over. The mechanism comes before the number of requests.
func (i *Incident) resolved(head string) string {
	if title := head + comma(i.hurtPast(true)); len(title) <= MaxTitle {
		return title
	}
	title := head + comma(i.hurtPast(false))
	if len(title) <= MaxTitle {
		return title
	}
	return Clip(title, MaxTitle-len("…"))
}

// hurtPast says how users were affected, and how many requests if they are to be counted.
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
