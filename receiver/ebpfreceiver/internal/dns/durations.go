//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
)

type dnsLabels struct {
	place    *identity.Place
	question dnsQuestion // without a name where there were too many
	fault    string
	overflow bool
}

// dnsDurations counts lookups by name, as long as there are few names: programs
// that make them up would fill every back end.
type dnsDurations struct {
	emit.Durations[dnsLabels]
	names    map[string]struct{}
	maxNames int
}

func newDNSDurations(maxNames int) dnsDurations {
	return dnsDurations{
		Durations: emit.Durations[dnsLabels]{
			Metric: emit.Metric{
				Name: semconv.MetricDNSLookupDuration, Unit: "s", Description: "Measures the time taken to perform a DNS lookup.", Bounds: emit.NetworkBounds(),
			},
			Place:  func(l dnsLabels) *identity.Place { return l.place },
			Label:  dnsLabels.put,
			Series: map[dnsLabels]*emit.Duration{},
		},
		names:    map[string]struct{}{},
		maxNames: maxNames,
	}
}

func (d *dnsDurations) add(of *identity.Process, q *dnsQuestion, fault string, took time.Duration) {
	labels := dnsLabels{place: of.Place, question: *q, fault: fault}
	if _, ok := d.names[q.name]; !ok {
		if len(d.names) < d.maxNames {
			d.names[q.name] = struct{}{}
		} else {
			labels.question.name, labels.overflow = "", true
		}
	}
	d.Add(labels, dnsLabels{place: of.Place, overflow: true}, took, emit.Exemplar{})
}

func (l dnsLabels) put(to pcommon.Map) {
	if l.overflow {
		to.PutBool(semconv.OtelMetricOverflow, true)
	}
	emit.PutText(to, semconv.DNSQuestionName, l.question.name)
	emit.PutText(to, semconv.DNSQuestionType, l.question.kind)
	emit.PutText(to, semconv.ErrorType, l.fault)
}
