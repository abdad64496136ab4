// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/model"
)

// Requests that an incident makes slow or fail carry its id, so that a sampler keeps their
// traces; those that are as usual do not, nor does any while there is no incident.
func TestSlowAndFailedRequestsOfAnIncidentAreMarked(t *testing.T) {
	s := newShop(t, Config{})
	marked := func(took model.Nanos, status int32, service string) bool {
		span := model.Span{
			TraceID: model.TraceID{7, s.id()[7]}, SpanID: s.id(), Name: "/" + service, Kind: kindServer, Start: s.at - took, End: s.at,
			StatusCode: status, Resource: s.resource(service),
		}
		return len(s.e.ObserveSpans([]model.Span{span})) > 0
	}
	s.run(400)
	require.Empty(t, s.last)
	assert.False(t, marked(900e6, 0, "pay"))
	s.own["pay"] = 900
	s.run(60)
	require.NotEmpty(t, s.last)
	assert.True(t, marked(900e6, 0, "pay"))
	assert.True(t, marked(5e6, int32(model.StatusError), "pay"))
	assert.False(t, marked(5e6, 0, "pay"))
	assert.False(t, marked(900e6, 0, "cart"), "not part of the incident")
}
