// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/model"
)

// The percentile of an incident is that of its own requests, not of the healthy ones of the
// minutes before it, which are more.
func TestThePercentileOfAnIncidentIsOfItsRequests(t *testing.T) {
	o := &outcomes{key: outcomeKey{requestEntry, "shipping", "process order"}}
	const ms = model.Nanos(1e6)
	for slot := int64(1001); slot <= 1024; slot++ {
		for range 20 {
			o.observe(slot, nil, false, 20*ms, 1)
		}
	}
	const began = 1025
	for slot := int64(began); slot < began+4; slot++ {
		o.observe(slot, nil, false, 2000*ms, 1)
		o.observe(slot, nil, false, 2000*ms, 1)
	}
	o.begin(began)
	before, now, since := o.percentile95()
	assert.InDelta(t, 20, before, 4, "the baseline")
	assert.InDelta(t, 20, now, 4, "of the recent minutes, most are healthy")
	assert.InDelta(t, 2000, since, 300, "of the incident")
	for slot := int64(began + 4); slot < began+40; slot++ { // they leave the recent minutes
		o.observe(slot, nil, false, 4000*ms, 1)
	}
	_, _, since = o.percentile95()
	assert.InDelta(t, 4000, since, 600, "later ones count too")
	o.end(began + 40)
	assert.Nil(t, o.calm)
}
