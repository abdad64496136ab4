// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package selector

import (
	"slices"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// FilterFlags select records of any signal.
type FilterFlags struct {
	selectors  []string
	services   []string
	namespaces []string
	text       string
	not        bool

	// Log records only.
	severity   Choice
	eventNames []string
	withEvents bool
}

// Add adds the flags.
func (f *FilterFlags) Add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVarP(&f.selectors, "selector", "l", nil,
		"label selectors that must all match, such as 'service=a,team in (b,c),path=~\"/api/.*\",!gone'; repeatable")
	flags.StringSliceVar(&f.services, "service", nil, "only these values of service.name")
	flags.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "only these namespaces")
	flags.StringVar(&f.text, "text", "", "only records that contain this text, ignoring case")
	flags.BoolVar(&f.not, "not", false, "invert "+f.inverted()+"")
}

// AddForRecords adds what only log records can be selected by.
func (f *FilterFlags) AddForRecords(cmd *cobra.Command) {
	f.severity = NewSeverityChoice()
	f.Add(cmd)
	AddChoice(cmd, cmd.Flags(), &f.severity, "severity", "", "only this severity or higher")
	cmd.Flags().StringSliceVar(&f.eventNames, "event-name", nil, "only these event names; a trailing * matches any ending")
}

// AddWithEvents adds the flag of commands that leave events out by default.
func (f *FilterFlags) AddWithEvents(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.withEvents, "with-events", false, "include events, that is, records with an event name")
}

// IncludesEvents reports whether the flags ask for records with an event name.
func (f *FilterFlags) IncludesEvents() bool { return f.withEvents || len(f.eventNames) > 0 }

// Filter is what the flags select.
func (f *FilterFlags) Filter() (*tapiov1.Filter, error) {
	filter := &tapiov1.Filter{
		Services:   f.services,
		Namespaces: f.namespaces,
		Text:       f.text,
		Invert:     f.not,
		EventNames: f.eventNames,
	}
	for _, text := range f.selectors {
		selectors, err := Parse(text)
		if err != nil {
			return nil, err
		}
		filter.LabelSelectors = append(filter.LabelSelectors, selectors...)
	}
	if f.severity.Value != "" {
		class := slices.Index(f.severity.Words, f.severity.Value) + 1
		filter.MinSeverity = tapiov1.Severity(class)
	}
	if f.not && !f.narrows() {
		return nil, exitcode.UsageErrorf("--not inverts %s: give one of them; as it is, nothing would be found", f.inverted())
	}
	return filter, nil
}

// narrows reports whether there is a condition that --not can invert. The
// others (time, names of metrics, what a span must be) are no part of it.
func (f *FilterFlags) narrows() bool {
	return f.text != "" || f.severity.Value != "" ||
		len(f.selectors)+len(f.services)+len(f.namespaces)+len(f.eventNames) > 0
}

func (f *FilterFlags) inverted() string {
	if f.severity.Words == nil { // not of log records
		return "--selector, --service, --namespace and --text"
	}
	return "--selector, --service, --namespace, --text, --severity and --event-name"
}

// TimeFlags bound the event time of an answer.
type TimeFlags struct{ Since, Until string }

// Add adds the flags.
func (f *TimeFlags) Add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.Since, "since", "", "only records since this time, "+TimeForms)
	cmd.Flags().StringVar(&f.Until, "until", "", "only records before this time, "+TimeForms)
}

// TimeRange leaves a lone duration to the server, whose clock may differ from
// ours.
func (f *TimeFlags) TimeRange(c *render.Clock) (*tapiov1.TimeRange, error) {
	if f.Since == "" && f.Until == "" {
		return nil, nil
	}
	if age, err := ParseAge(f.Since); err == nil && f.Until == "" {
		return &tapiov1.TimeRange{Last: durationpb.New(age)}, nil
	}
	start, err := ParseMoment(c, "--since", f.Since)
	if err != nil {
		return nil, err
	}
	end, err := ParseMoment(c, "--until", f.Until)
	if err != nil {
		return nil, err
	}
	if start != nil && end != nil && end.AsTime().Before(start.AsTime()) {
		return nil, exitcode.UsageErrorf("--until %s is before --since %s", f.Until, f.Since)
	}
	return &tapiov1.TimeRange{Start: start, End: end}, nil
}
