// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// Who resets connections listens, and who refuses them does not.
func TestStepsDistinguishResetsFromRefusals(t *testing.T) {
	kernel := func(word, fault string) Fact { return Fact{Kind: FactKernel, Kernel: Kernel{Word: word, Fault: fault}} }
	i := Incident{Sequence: []Step{
		{Service: "redis", Onset: 1e9, Fact: kernel("connect", "ECONNREFUSED")},
		{Service: "payments", Onset: 2e9, Fact: kernel("reset", "")},
		{Service: "inventory", Onset: 3e9, Fact: kernel("connect", "ECANCELED")},
	}}
	assert.Equal(t, "Sequence: 00:00:01 redis refuses connections → 00:00:02 payments resets connections → "+
		"00:00:03 inventory does not accept connections", i.SequenceText())
}
