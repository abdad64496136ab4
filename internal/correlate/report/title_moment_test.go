// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
	"github.com/tapio/tapio/internal/model"
)

// An incident may begin before its main fact, with something weaker.
func TestTheTitleDatesAnEventByTheEvent(t *testing.T) {
	in := &Incident{
		Kind: model.GroupIncident, State: model.GroupOpen, Start: 1_700_049_600e9, Cause: Cause{Name: "payment"},
		Facts: []Fact{{Kind: FactKernel, Service: "payment", Kernel: Kernel{Kind: kernelrule.OutOfMemory}, Onset: 1_700_049_693e9}},
	}
	assert.Contains(t, in.Title(), "was killed at 12:01:33 UTC")
}
