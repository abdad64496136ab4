// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/kernelrule"
)

// Who resets connections listens, and who refuses them does not.
func TestStepsDistinguishResetsFromRefusals(t *testing.T) {
	kernel := func(kind kernelrule.Kind, fault string) Fact {
		return Fact{Kind: FactKernel, Kernel: Kernel{Kind: kind, Fault: fault}}
	}
	i := Incident{Sequence: []Step{
		{Service: "redis", Onset: 1e9, Fact: kernel(kernelrule.ConnectFailure, "ECONNREFUSED")},
		{Service: "payments", Onset: 2e9, Fact: kernel(kernelrule.Reset, "")},
		{Service: "inventory", Onset: 3e9, Fact: kernel(kernelrule.ConnectFailure, "ECANCELED")},
	}}
	assert.Equal(t, "Sequence: 00:00:01 redis refuses connections → 00:00:02 payments resets connections → "+
		"00:00:03 inventory does not accept connections", i.SequenceText())
}
