//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
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
	durations[dnsLabels]
	names    map[string]struct{}
	maxNames int
}

func newDNSDurations(maxNames int) dnsDurations {
	return dnsDurations{
		durations: durations[dnsLabels]{
			metric: Metric{
				Name: semconv.MetricDNSLookupDuration, Unit: "s", Description: "Measures the time taken to perform a DNS lookup.", Bounds: networkBounds(),
			},
			place:  func(l dnsLabels) *identity.Place { return l.place },
			label:  dnsLabels.put,
			series: map[dnsLabels]*duration{},
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
	d.durations.add(labels, dnsLabels{place: of.Place, overflow: true}, took, exemplar{})
}

func (l dnsLabels) put(to pcommon.Map) {
	if l.overflow {
		to.PutBool(semconv.OtelMetricOverflow, true)
	}
	putText(to, semconv.DNSQuestionName, l.question.name)
	putText(to, semconv.DNSQuestionType, l.question.kind)
	putText(to, semconv.ErrorType, l.fault)
}
