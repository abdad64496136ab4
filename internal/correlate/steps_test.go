// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/model"
)

// desk is one operation of one service whose runs write the lines that they are
// asked to write.
type desk struct {
	*shop
	t      testing.TB
	caller string // who asks, "" for a caller that is not known
}

func newDesk(t testing.TB, config Config) *desk { return &desk{shop: newShop(t, config), t: t} }

// serves runs the operation so many times, one a second; each line that begins
// with "ERROR" is of that severity.
func (d *desk) serves(times int, lines ...string) {
	d.t.Helper()
	for range times {
		var trace model.TraceID
		id := d.id()
		binary.BigEndian.PutUint64(trace[:], d.n)
		span := model.Span{
			TraceID: trace, SpanID: id, Name: "POST /order", Kind: kindServer,
			Start: d.at, End: d.at + second/10, Resource: d.resource("desk"),
		}
		var events []model.Event
		for i, line := range lines {
			severity := int32(9)
			if line[:5] == "ERROR" {
				severity = 17
			}
			events = append(events, model.Event{
				Time: d.at + model.Nanos(i)*second/1000, TraceID: trace, SpanID: id, Resource: d.resource("desk"),
				SeverityNumber: severity, Body: model.StringValue(line),
			})
		}
		spans := []model.Span{span}
		if d.caller != "" {
			client := model.Span{
				TraceID: trace, SpanID: d.id(), Name: "POST", Kind: kindClient,
				Start: span.Start, End: span.End, Resource: d.resource(d.caller),
			}
			spans[0].ParentID = client.SpanID
			spans = append(spans, client)
		}
		d.e.ObserveEvents(events)
		d.e.ObserveSpans(spans)
		d.at += second
		d.flush()
	}
}

func TestCodeThatLeavesEarlyIsSeenByTheStepThatNoLongerFollows(t *testing.T) {
	d := newDesk(t, Config{})
	for range 60 { // not each order is paid by card, and each that is is booked
		d.serves(1, "takes order a.Desk#10", "charges card a.Desk#20", "books order a.Desk#30")
		d.serves(1, "takes order a.Desk#10", "sends invoice a.Desk#40")
	}
	for range 40 {
		d.serves(1, "takes order a.Desk#10", "charges card a.Desk#20")
		d.serves(1, "takes order a.Desk#10", "sends invoice a.Desk#40")
	}
	g := d.only(t)
	first := g.RootCause.Factors[0]
	assert.Contains(t, first.Reason, "logs “charges card a.Desk#20”")
	place, _ := first.Entity.Attributes.Get("code.function.name")
	assert.Contains(t, []string{"a.Desk#20", "a.Desk#30"}, place.Str(), "the last step, or the one that is missing")
}

func TestRequestsThatEndAtOnceAreSeen(t *testing.T) {
	d := newDesk(t, Config{})
	d.serves(120, "takes order")
	d.serves(40)
	assert.Contains(t, d.only(t).RootCause.Factors[0].Reason, "100% of POST /order requests to desk end before it calls or logs anything (baseline 0%)")
}

func TestStepsThatInputsChooseAreNoSign(t *testing.T) {
	d := newDesk(t, Config{})
	for range 30 {
		d.serves(1, "takes order", "packs books")
		d.serves(1, "takes order", "packs tea")
	}
	for i := range 600 { // then wares by turns
		if i/20%2 == 0 {
			d.serves(1, "takes order", "packs books")
		} else {
			d.serves(1, "takes order", "packs tea")
		}
	}
	assert.Empty(t, d.last)
}

func TestOneBadMomentOfManyCallsIsNoIncident(t *testing.T) {
	h := baseline.History{Worth: baseline.DurationsWorth}
	log := func(millis, n float64) baseline.Sample {
		low, high := logSample(model.Nanos(millis/2*1e6), 1), logSample(model.Nanos(millis*2*1e6), 1)
		low.Add(high)
		return times(low, float32(n)/2)
	}
	for slot := range int64(30) {
		h.Observe(1000+slot, log(9, 120))
	}
	h.Observe(1030, log(64, 120))
	assert.Less(t, baseline.RiseOf(&h).Ratio, float64(baseline.AlarmStrength))
	for slot := range int64(3) {
		h.Observe(1031+slot, log(64, 120))
	}
	assert.Greater(t, baseline.RiseOf(&h).Ratio, float64(baseline.AlarmStrength), "a moment that lasts is one")
}

func TestWayIsComparedWithTheOthersUntilItHasAPast(t *testing.T) {
	e, err := New(Config{})
	require.NoError(t, err)
	for _, callee := range []string{"a", "b", "c", "d", "e", "slow"} {
		c := e.graph.call("front", callee)
		c.paired = true
		for slot := range int64(4) {
			millis := model.Nanos(4)
			if callee == "slow" {
				millis = 400
			}
			c.gap.Observe(1000+slot, times(logSample(millis*1_000_000, 1), 4))
		}
	}
	usual := e.runs.usualWay()
	slow := e.graph.call("front", "slow")
	assert.Greater(t, usual.exceeds(slow).Ratio, float64(baseline.AlarmStrength))
	assert.EqualValues(t, 1000, usual.exceeds(slow).Bucket)
	assert.Zero(t, usual.exceeds(e.graph.call("front", "a")).Ratio)
	slow.gap.Advance(1004 + baseline.Recent)
	assert.Zero(t, usual.exceeds(slow).Ratio, "now it is what it is")
}

func times(s baseline.Sample, n float32) baseline.Sample {
	return baseline.Sample{N: s.N * n, Sum: s.Sum * n, Square: s.Square * n}
}

func TestLostServerSpanIsNoSlowWay(t *testing.T) {
	d := newDesk(t, Config{})
	for i := range 200 {
		trace := model.TraceID{1, byte(i)}
		client := model.Span{
			TraceID: trace, SpanID: model.SpanID{1}, Name: "shop.Till/Pay", Kind: kindClient,
			Start: d.at, End: d.at + second/2, Resource: d.resource("desk"),
		}
		server := model.Span{
			TraceID: trace, SpanID: model.SpanID{2}, ParentID: model.SpanID{1}, Name: "shop.Till/Pay", Kind: kindServer,
			Start: d.at, End: d.at + second/2, Resource: d.resource("Till"),
		}
		spans := []model.Span{client, server}
		if i > 150 {
			spans = spans[:1]
		}
		d.e.ObserveSpans(spans)
		d.at += second
		d.flush()
	}
	assert.Empty(t, d.last)
}

func TestErrorThatWasAlwaysThereIsOnlyReportedWhenAsked(t *testing.T) {
	serve := func(config Config) *desk {
		d := newDesk(t, config)
		d.serves(120, "takes order", "ERROR cannot print a.Desk#50")
		d.at = config.Asked.End + 10*second
		d.flush()
		return d
	}
	assert.Empty(t, serve(Config{}).last)
	g := serve(Config{Asked: model.TimeRange{Start: begin + 30*second, End: begin + 120*second}}).only(t)
	assert.Equal(t, "desk", g.RootCause.Factors[0].Entity.Name)
	assert.Contains(t, g.RootCause.Factors[0].Reason, "for as long as it is known")
	assert.Less(t, g.Confidence, 0.5)
	later := Config{Asked: model.TimeRange{Start: begin + 600*second, End: begin + 700*second}}
	assert.Empty(t, serve(later).last, "it was there long before")
}

func TestRunsThatEndWhereNoneEndedAreSeen(t *testing.T) {
	d := newDesk(t, Config{})
	for i := range 120 { // what follows the order varies, and so does what it follows
		d.serves(1, "takes order a.Desk#10", []string{"packs books a.Desk#20", "packs tea a.Desk#30"}[i%2])
		d.serves(1, "looks at a.Desk#5", []string{"packs books a.Desk#20", "packs tea a.Desk#30"}[i%2])
	}
	for i := range 40 {
		d.serves(1, "takes order a.Desk#10")
		d.serves(1, "looks at a.Desk#5", []string{"packs books a.Desk#20", "packs tea a.Desk#30"}[i%2])
	}
	first := d.only(t).RootCause.Factors[0]
	assert.Equal(t, "100% of POST /order requests end once desk logs “takes order a.Desk#10” (never before)", first.Reason)
	place, _ := first.Entity.Attributes.Get("code.function.name")
	assert.Equal(t, "a.Desk#10", place.Str())
}

func TestAStepThatEndedSomeRunsMayEndMore(t *testing.T) {
	d := newDesk(t, Config{})
	for range 100 {
		d.serves(5, "takes order", "packs books")
		d.serves(1, "takes order")
	}
	d.serves(60, "takes order")
	for _, g := range d.last {
		assert.NotContains(t, g.RootCause.Factors[0].Reason, "no further step")
	}
}

func TestThatAFailureIsNoLongerHandledIsGoodNews(t *testing.T) {
	d := newDesk(t, Config{})
	d.serves(120, "takes order", "handles the exception")
	d.serves(60, "takes order")
	assert.Empty(t, d.last)
}
