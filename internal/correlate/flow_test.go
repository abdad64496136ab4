// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/internal/correlate/baseline"
	"github.com/tapio/tapio/internal/correlate/logtemplate"
	"github.com/tapio/tapio/internal/model"
)

// says shows the engine so many lines of a service, evenly within a second. What is
// formatted gets the number of the line.
func (s *shop) says(service, format string, lines int) {
	events := make([]model.Event, 0, lines)
	interest := s.e.Interest()
	for i := range lines {
		s.n++
		ev := model.Event{
			Time: s.at + model.Nanos(i)*second/model.Nanos(lines), Resource: s.resource(service), Body: model.StringValue(fmt.Sprintf(format, s.n)),
		}
		if interest.Event(&ev, s.n) {
			events = append(events, ev)
		}
	}
	s.e.ObserveEvents(events)
}

// flowSignsOf lists what is reported about ordinary lines.
func (s *shop) flowSignsOf(service string) map[string]*sign {
	found := map[string]*sign{}
	for _, f := range s.e.logbook.flows.All() {
		if g := s.e.logs.flowSign(*f, s.e.time.Judged); g != nil && (*f).service.name == service {
			found[logtemplate.Message(g.key.what)] = g
		}
	}
	return found
}

func (s *shop) pass(seconds int, says func()) {
	for range seconds {
		says()
		s.at += second
		s.flush()
	}
}

func TestWhatIsSaidMoreLessOrForTheFirstTimeIsASign(t *testing.T) {
	s := newShop(t, Config{})
	s.pass(300, func() {
		s.says("pay", "INFO charged order %d", 4)
		if s.at/second%10 == 0 {
			s.says("pay", "WARN retrying order %d", 1)
		}
	})
	require.Empty(t, s.flowSignsOf("pay"), "all is as usual")
	s.pass(60, func() {
		s.says("pay", "WARN retrying order %d", 4)
		s.says("pay", "INFO using the cache for order %d", 1)
	})
	found := s.flowSignsOf("pay")
	require.Len(t, found, 3)
	assert.Contains(t, found["charged order <*>"].text, "hardly logs “charged order <*>” any more")
	assert.Contains(t, found["retrying order <*>"].text, "far more often: 240 times a minute instead of ")
	assert.Equal(t, classSymptom, found["retrying order <*>"].key.class, "a warning counts for more")
	assert.Contains(t, found["using the cache for order <*>"].text, "which it did not before")
	assert.NotEmpty(t, found["using the cache for order <*>"].evidence)
	for _, g := range found {
		assert.GreaterOrEqual(t, g.strength, float64(baseline.HintStrength))
		assert.False(t, g.alarms(baseline.HintStrength), "lines without an error page no one")
	}
	assert.Empty(t, s.all)
}

func TestAKnownErrorThatComesTenTimesAsOftenOpensAGroup(t *testing.T) {
	s := newShop(t, Config{})
	s.pass(600, func() { s.says("pay", "ERROR no answer for order %d", 2) })
	require.Empty(t, s.all, "it always did")
	s.pass(60, func() { s.says("pay", "ERROR no answer for order %d", 6) })
	require.Empty(t, s.all, "three times as often may be three times the requests")
	s.pass(30, func() { s.says("pay", "ERROR no answer for order %d", 60) })
	g := s.only(t)
	assert.Equal(t, "pay", g.RootCause.Factors[0].Entity.Name)
	assert.Contains(t, g.Title, "\"no answer for order ")
}

func TestOneBurstOfLinesIsNoFlood(t *testing.T) {
	s := newShop(t, Config{})
	s.pass(300, func() { s.says("pay", "INFO charged order %d", 1) })
	s.says("pay", "ERROR no answer for order %d", 2000)
	s.pass(120, func() { s.says("pay", "INFO charged order %d", 1) })
	assert.Empty(t, s.all)
}

// Where more lines come than are looked at, each that is counts for many.
func TestAFloodOfLinesIsLookedAtByLot(t *testing.T) {
	s := newShop(t, Config{})
	s.pass(90, func() {
		s.says("pay", "INFO charged order %d", 20_000)
		s.says("pay", "WARN retrying order %d", 100)
	})
	assert.Positive(t, s.e.Interest().lines)
	s.pass(30, func() {
		s.says("pay", "INFO charged order %d", 20_000)
		s.says("pay", "WARN retrying order %d", 3000)
	})
	found := s.flowSignsOf("pay")
	require.Len(t, found, 1)
	assert.InDelta(t, 180_000, 12*found["retrying order <*>"].after, 40_000, "a minute")
	s.pass(300, func() { s.says("pay", "INFO charged order %d", 100) })
	assert.Zero(t, s.e.Interest().lines, "there is room for all again")
}

func TestSeverityIsReadFromTheText(t *testing.T) {
	for text, want := range map[string]model.Severity{
		"2026-11-26T07:00:00Z ERROR cannot read":            model.SeverityError,
		"2026/11/26 07:00:00 [error] 7#0: connect() failed": model.SeverityError,
		"[Thu Nov 26 07:00:00 2026] [core:error] [pid 7] x": model.SeverityError,
		`time=07:00 level=error msg="cannot read"`:          model.SeverityError,
		`{"ts":1,"level":"warn","msg":"slow"}`:              model.SeverityWarn,
		"E1126 07:00:00.000000 7 main.go:31] cannot read":   model.SeverityError,
		"ERROR:root:cannot read":                            model.SeverityError,
		"<critical> no disk":                                model.SeverityFatal,
		"INFO 0 of 7 ended in ERROR":                        model.SeverityInfo,
		"an error is what no one wants":                     model.SeverityUnspecified,
		"":                                                  model.SeverityUnspecified,
	} {
		assert.Equal(t, want, logtemplate.SeverityOf(&model.Event{}, text), text)
	}
	assert.Equal(t, model.SeverityInfo, logtemplate.SeverityOf(&model.Event{SeverityNumber: 9}, "ERROR"), "what is declared counts")
	level := model.Attributes{{Key: "level", Value: model.StringValue("error")}}
	assert.Equal(t, model.SeverityError, logtemplate.SeverityOf(&model.Event{Attributes: level}, "cannot read"))
}

func TestWhoWroteAPlainLine(t *testing.T) {
	attribute := func(key, value string) model.Event {
		return model.Event{Attributes: model.Attributes{{Key: key, Value: model.StringValue(value)}}}
	}
	for _, c := range []struct {
		event       model.Event
		name, label string
	}{
		{attribute("log.file.name", "pay.log"), "pay", "log.file.name=pay.log"},
		{attribute("appname", "sshd"), "sshd", "appname=sshd"},
		{attribute("process.executable.name", "payd"), "payd", ""},
		{model.Event{Body: model.MapValue(model.Attributes{{Key: "SYSLOG_IDENTIFIER", Value: model.StringValue("cron")}})}, "cron", ""},
		{model.Event{}, "", ""},
	} {
		name, label := programOf(&c.event)
		assert.Equal(t, c.name, name)
		assert.Equal(t, c.label, label)
	}
}
