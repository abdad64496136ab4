// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/correlate/bound"
	"github.com/tapio/tapio/internal/correlate/origin"
	"github.com/tapio/tapio/internal/model"
)

// A series as evidence can be selected by its id: labels are complete, and the service is among them however many
// attributes there are.
func TestSeriesIDsHaveWholeLabels(t *testing.T) {
	resource := &model.Resource{Attributes: model.Attributes{
		{Key: "service.instance.id", Value: model.StringValue("0b4c2f6e-9a53-4c0c-8d2e-1c1f9f3b7a55")}, {Key: "service.name", Value: model.StringValue("inventory")},
	}}
	id := func(attributes ...model.KeyValue) string {
		metric := &model.Metric{Name: "http.server.request.duration"}
		from := newPointOrigin(metric, origin.Of(resource))
		series := &model.Series{Metric: metric, Attributes: attributes}
		return seriesID(series, from.of(series))
	}
	text := func(key, value string) model.KeyValue {
		return model.KeyValue{Key: key, Value: model.StringValue(value)}
	}
	assert.Equal(t, `http.server.request.duration{http.route="/a",service.instance.id="0b4c2f6e-9a53-4c0c-8d2e-1c1f9f3b7a55",service.name="inventory"}`,
		id(text("http.route", "/a")))
	assert.Equal(t, `http.server.request.duration{http.route="/a",service.instance.id="0b4c2f6e-9a53-4c0c-8d2e-1c1f9f3b7a55",service.name="inventory"}`,
		id(text("http.host", strings.Repeat("a", bound.MaxName+1)), text("http.route", "/a")), "a value that would be cut selects nothing")
	long := id(text("http.request.method", "POST"), text("http.response.status_code", "200"), text("http.route", "/reservations"),
		text("network.protocol.name", "http"), text("network.protocol.version", "1.1"), text("server.address", "inventory"))
	assert.LessOrEqual(t, len(long), bound.MaxName)
	assert.True(t, strings.HasSuffix(long, `service.name="inventory"}`), long)
	assert.Contains(t, long, `http.request.method="POST"`)
}
