//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

func TestSeriesAreBounded(t *testing.T) {
	d := newDNSDurations(3)
	of := &identity.Process{Place: &identity.Place{}}
	for i := range 10 {
		d.add(of, &dnsQuestion{name: itoa(uint16(i)), kind: "A"}, "", 7*time.Millisecond)
	}
	assert.Len(t, d.Series, 4)
	rest := d.Series[dnsLabels{place: of.Place, question: dnsQuestion{kind: "A"}, overflow: true}]
	require.NotNil(t, rest)
	assert.Equal(t, uint64(7), rest.Counts[1], "between 5 and 10 ms")
	for i := range emit.MaxLabels {
		d.add(of, &dnsQuestion{kind: itoa(uint16(i))}, "", 0)
	}
	assert.Len(t, d.Series, emit.MaxLabels+1)
}
