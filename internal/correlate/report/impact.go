// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"fmt"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// listedOperations is how many operations the impact names.
const listedOperations = 3

// Impact holds how users are affected, operation by operation.
func Impact(im *model.Impact) string {
	if len(im.Operations) == 0 {
		return "No requests are known to be affected."
	}
	var parts []string
	for i := range im.Operations[:min(listedOperations, len(im.Operations))] {
		parts = append(parts, operation(&im.Operations[i]))
	}
	text := strings.Join(parts, "; ")
	if more := len(im.Operations) - listedOperations; more > 0 {
		text += fmt.Sprintf("; %s more affected", plural(more, "operation"))
	}
	text += fmt.Sprintf(". %s of %s requests so far.", count(im.FailedRequests+im.SlowRequests), count(im.Requests))
	switch im.Unaffected {
	case 0:
	case 1:
		text += " 1 other entry operation is not affected."
	default:
		text += unaffected(im.Unaffected)
	}
	for i := range im.Attributes {
		a := &im.Attributes[i]
		text += fmt.Sprintf(" %s: %s affected (%s).", a.Key, count(float64(a.Count)), Listed(a.Values))
	}
	return text
}

// manyOperations is from how many on their number means nothing to a reader.
const manyOperations = 20

func unaffected(operations uint32) string {
	if operations > manyOperations {
		return " Other entry operations are not affected."
	}
	return fmt.Sprintf(" %d other entry operations are not affected.", operations)
}

// operation distinguishes failed and slow requests.
func operation(o *model.OperationImpact) string {
	text := o.Service + " " + o.Operation + ": "
	failed := o.ErrorRatio - o.BaselineErrorRatio
	switch {
	case failed > 0.005 && o.SlowRatio > 0.005:
		text += fmt.Sprintf("%s fail (baseline %s), %s are slow", Percent(o.ErrorRatio), base(o), Percent(o.SlowRatio))
	case failed >= o.SlowRatio:
		text += fmt.Sprintf("%s fail (baseline %s)", Percent(o.ErrorRatio), base(o))
	default:
		text += fmt.Sprintf("%s are slow", Percent(o.SlowRatio))
	}
	if o.BaselineP95 > 0 && o.P95 > 0 {
		before, now := float64(o.BaselineP95)/1e6, float64(o.P95)/1e6
		if now > 1.2*before || now < before/1.2 {
			return text + fmt.Sprintf(", p95 %s (baseline %s)", Millis(now), Millis(before))
		}
		if o.ErrorRatio < 0.9 {
			return text + ", latency unchanged"
		}
	}
	return text
}

// base is the share that fails usually, as the evidence has it.
func base(o *model.OperationImpact) string { return Percent(o.BaselineErrorRatio) }
