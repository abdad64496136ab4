// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// filterFlags select records of any signal.
type filterFlags struct {
	selectors  []string
	services   []string
	namespaces []string
	text       string
	not        bool

	// Log records only.
	severity   choice
	eventNames []string
	withEvents bool
}

func (f *filterFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.selectors, "selector", "l", nil,
		"label selectors that must all hold, as 'service=a,team in (b,c),path=~\"/api/.*\",!gone'; repeatable")
	flags.StringSliceVar(&f.services, "service", nil, "only these values of service.name")
	flags.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "only these namespaces")
	flags.StringVar(&f.text, "text", "", "only records that contain this text, in either case")
	flags.BoolVar(&f.not, "not", false, "invert "+f.inverted()+": show what they would hide")
}

// addForRecords adds what only log records can be selected by.
func (f *filterFlags) addForRecords(cmd *cobra.Command) {
	f.severity = newSeverityChoice()
	f.add(cmd)
	addChoice(cmd, cmd.Flags(), &f.severity, "severity", "", "only this severity or higher")
	cmd.Flags().StringSliceVar(&f.eventNames, "event-name", nil, "only these event names; a trailing * matches any ending")
}

// addWithEvents adds the flag of commands that leave events out by default.
func (f *filterFlags) addWithEvents(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.withEvents, "with-events", false, "include events, that is, records with an event name")
}

// includesEvents reports whether the flags ask for records with an event name.
func (f *filterFlags) includesEvents() bool { return f.withEvents || len(f.eventNames) > 0 }

func (f *filterFlags) filter() (*tapiov1.Filter, error) {
	filter := &tapiov1.Filter{
		Services:   f.services,
		Namespaces: f.namespaces,
		Text:       f.text,
		Invert:     f.not,
		EventNames: f.eventNames,
	}
	for _, text := range f.selectors {
		selectors, err := parseSelectors(text)
		if err != nil {
			return nil, err
		}
		filter.LabelSelectors = append(filter.LabelSelectors, selectors...)
	}
	if f.severity.value != "" {
		class := slices.Index(f.severity.words, f.severity.value) + 1
		filter.MinSeverity = tapiov1.Severity(class)
	}
	if f.not && !f.narrows() {
		return nil, usageErrorf("--not inverts %s: give one of them; as it is, nothing would be found", f.inverted())
	}
	return filter, nil
}

// narrows reports whether there is a condition that --not can invert. The
// others (time, names of metrics, what a span must be) are no part of it.
func (f *filterFlags) narrows() bool {
	return f.text != "" || f.severity.value != "" ||
		len(f.selectors)+len(f.services)+len(f.namespaces)+len(f.eventNames) > 0
}

func (f *filterFlags) inverted() string {
	if f.severity.words == nil { // not of log records
		return "--selector, --service, --namespace and --text"
	}
	return "--selector, --service, --namespace, --text, --severity and --event-name"
}

// timeFlags bound the event time of an answer.
type timeFlags struct{ since, until string }

func (f *timeFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.since, "since", "", "only what is at most this old, "+timeForms)
	cmd.Flags().StringVar(&f.until, "until", "", "only what is older than this, "+timeForms)
}

// timeRange leaves a lone duration to the server, whose clock may differ from
// ours.
func (f *timeFlags) timeRange(a *app) (*tapiov1.TimeRange, error) {
	if f.since == "" && f.until == "" {
		return nil, nil
	}
	if age, err := parseAge(f.since); err == nil && f.until == "" {
		return &tapiov1.TimeRange{Last: durationpb.New(age)}, nil
	}
	start, err := a.parseMoment("--since", f.since)
	if err != nil {
		return nil, err
	}
	end, err := a.parseMoment("--until", f.until)
	if err != nil {
		return nil, err
	}
	if start != nil && end != nil && end.AsTime().Before(start.AsTime()) {
		return nil, usageErrorf("--until %s is before --since %s", f.until, f.since)
	}
	return &tapiov1.TimeRange{Start: start, End: end}, nil
}
