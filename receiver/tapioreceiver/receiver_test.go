// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioreceiver

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/tapioreceiver/internal/metadata"
)

type host map[component.ID]component.Component

func (h host) GetExtensions() map[component.ID]component.Component { return h }

// source is an extension that takes events.
type source struct {
	component.StartFunc
	component.ShutdownFunc
	sink   model.EventSink
	points model.PointSink
}

func (s *source) AttachEvents(_ component.ID, sink model.EventSink) (func(), error) {
	if s.sink != nil {
		return nil, errors.New("taken")
	}
	s.sink = sink
	return func() { s.sink = nil }, nil
}

func newStarted(t *testing.T, next consumer.Logs) *source {
	t.Helper()
	s := &source{}
	r, err := NewFactory().CreateLogs(t.Context(), receivertest.NewNopSettings(metadata.Type), createDefaultConfig(), next)
	require.NoError(t, err)
	require.NoError(t, r.Start(t.Context(), host{component.MustNewID("tapio"): s}))
	t.Cleanup(func() {
		require.NoError(t, r.Shutdown(context.Background()))
		assert.Nil(t, s.sink, "shutdown detaches")
	})
	return s
}

func TestEventsReachThePipeline(t *testing.T) {
	next := new(consumertest.LogsSink)
	s := newStarted(t, next)
	event := model.Event{Name: "deploy.done", Resource: &model.Resource{}, Scope: &model.Scope{}}
	require.NoError(t, s.sink.WriteEvents(t.Context(), []model.Event{event}))
	require.Len(t, next.AllLogs(), 1)
	record := next.AllLogs()[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	assert.Equal(t, "deploy.done", record.EventName())
}

func TestPayloadReachesThePipeline(t *testing.T) {
	next := new(consumertest.LogsSink)
	s := newStarted(t, next)
	logs := plog.NewLogs()
	logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	payload, err := plogotlp.NewExportRequestFromLogs(logs).MarshalProto()
	require.NoError(t, err)

	n, err := s.sink.WritePayload(t.Context(), payload)
	require.NoError(t, err)
	assert.Equal(t, 1, n)
	assert.Equal(t, 1, next.LogRecordCount())
}

func TestMalformedPayloadNamesTheField(t *testing.T) {
	s := newStarted(t, consumertest.NewNop())
	_, err := s.sink.WritePayload(t.Context(), []byte{0xff, 0xff})
	var invalid *model.FieldError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, "payload", invalid.Field)
}

func TestPipelineErrorReachesTheWriter(t *testing.T) {
	s := newStarted(t, consumertest.NewErr(errors.New("memory is full")))
	event := model.Event{Resource: &model.Resource{}, Scope: &model.Scope{}}
	require.ErrorContains(t, s.sink.WriteEvents(t.Context(), []model.Event{event}), "memory is full")
}

func TestStartNamesTheFix(t *testing.T) {
	r, err := newReceiver(receivertest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config), consumertest.NewNop())
	require.NoError(t, err)
	require.ErrorContains(t, r.Start(t.Context(), host{}), "service::extensions")
	wrong := struct {
		component.StartFunc
		component.ShutdownFunc
	}{}
	err = r.Start(t.Context(), host{component.MustNewID("tapio"): wrong})
	require.ErrorContains(t, err, "takes no events")
	err = r.Start(t.Context(), host{component.MustNewID("tapio"): &source{sink: r}})
	require.ErrorContains(t, err, "receivers::")
	require.NoError(t, r.Shutdown(t.Context()), "shutdown is safe without a start")
}

func TestConfig(t *testing.T) {
	require.NoError(t, componenttest.CheckConfigStruct(createDefaultConfig()))
	require.NoError(t, createDefaultConfig().(*Config).Validate())
	require.ErrorContains(t, (&Config{}).Validate(), "extension: tapio")
}

func TestShutdownIsSafeInEveryOrder(t *testing.T) {
	for _, h := range []host{{}, {component.MustNewID("tapio"): &source{}}} {
		r, err := newReceiver(receivertest.NewNopSettings(metadata.Type), createDefaultConfig().(*Config), consumertest.NewNop())
		require.NoError(t, err)
		require.NoError(t, r.Shutdown(t.Context()), "without Start")
		err = r.Start(t.Context(), h)
		require.Equal(t, len(h) == 0, err != nil)
		require.NoError(t, r.Shutdown(t.Context()))
		require.NoError(t, r.Shutdown(t.Context()), "twice")
	}
}

func (s *source) AttachPoints(_ component.ID, sink model.PointSink) (func(), error) {
	if s.points != nil {
		return nil, errors.New("taken")
	}
	s.points = sink
	return func() { s.points = nil }, nil
}

func TestPointsReachThePipeline(t *testing.T) {
	next, s := new(consumertest.MetricsSink), &source{}
	create := func() error {
		r, err := NewFactory().CreateMetrics(t.Context(), receivertest.NewNopSettings(metadata.Type), createDefaultConfig(), next)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, r.Shutdown(context.Background())) })
		return r.Start(t.Context(), host{component.MustNewID("tapio"): s})
	}
	require.NoError(t, create())
	require.ErrorContains(t, create(), "::extension: taken")
	series := &model.Series{
		Metric: &model.Metric{Name: "queue.length", Type: model.MetricGauge}, Resource: &model.Resource{}, Scope: &model.Scope{},
	}
	require.NoError(t, s.points.WritePoints(t.Context(), []model.Point{{Series: series, Time: 1, Number: model.NumberInt, Bits: 7}}))
	require.Equal(t, 1, next.DataPointCount())
	got := next.AllMetrics()[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0)
	assert.Equal(t, "queue.length", got.Name())
	assert.EqualValues(t, 7, got.Gauge().DataPoints().At(0).IntValue())
}
