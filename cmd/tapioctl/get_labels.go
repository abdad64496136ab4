// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newGetMetricNamesCommand(a *app) *cobra.Command {
	f := newListFlags()
	var names []string
	cmd := &cobra.Command{
		Use:     "metric-names",
		Short:   "List the metrics with type, unit, series and description",
		Example: `  tapioctl get metric-names --name 'http.*' --service checkout`,
		Args:    cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			filter, order, err := f.query(a)
			if err != nil {
				return err
			}
			request := &tapiov1.ListMetricsRequest{Filter: filter, Order: order, MetricNames: names}
			return metricTable().printPages(a, f.format.value, filter, f.limit, func() ([]*tapiov1.MetricDescription, string, error) {
				response, err := call(ctx, a, c.observability.ListMetrics, request)
				return response.GetMetrics(), response.GetNextPageToken(), err
			})
		}),
	}
	f.add(cmd, "metrics")
	cmd.Flags().StringSliceVar(&names, "name", nil, "only metrics of this name; a trailing * matches any ending")
	return cmd
}

func metricTable() *table[*tapiov1.MetricDescription] {
	return &table[*tapiov1.MetricDescription]{
		what: "metrics", heading: []string{"METRIC", "TYPE", "UNIT", "SERIES", "SERVICES", "DESCRIPTION"},
		row: func(m *tapiov1.MetricDescription) []cell {
			kind := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(m.GetType().String(), "TYPE_")), "_", " ")
			return []cell{
				{m.GetName(), bold},
				{kind, plain},
				{orDash(m.GetUnit()), plain},
				{thousands(m.GetSeriesCount()), plain},
				{orDash(strings.Join(firstOf(5, m.GetServices()), ",")), cyan},
				{m.GetDescription(), dim},
			}
		},
	}
}

// labelFlags are those of labels and of their values.
type labelFlags struct {
	*listFlags
	signal  choice
	prefix  string
	metrics []string
}

func newLabelFlags() *labelFlags {
	return &labelFlags{listFlags: newListFlags(), signal: newChoice("", "logs", "traces", "metrics")}
}

func (f *labelFlags) add(cmd *cobra.Command, what string) {
	f.listFlags.add(cmd, what)
	addChoice(cmd, cmd.Flags(), &f.signal, "signal", "", "only "+what+" of this signal")
	cmd.Flags().StringVar(&f.prefix, "prefix", "", "only "+what+" that begin so")
	cmd.Flags().StringSliceVar(&f.metrics, "name", nil, "only "+what+" of metrics of this name; a trailing * matches any ending")
}

func (f *labelFlags) signalValue() tapiov1.Signal {
	if len(f.metrics) > 0 && f.signal.value == "" {
		return tapiov1.Signal_SIGNAL_METRICS
	}
	return tapiov1.Signal(tapiov1.Signal_value["SIGNAL_"+strings.ToUpper(f.signal.value)])
}

func newGetLabelsCommand(a *app) *cobra.Command {
	f := newLabelFlags()
	cmd := &cobra.Command{
		Use:     "labels",
		Short:   "List the labels of records and series",
		Example: `  tapioctl get labels --signal logs --prefix http. --sort count`,
		Args:    cobra.NoArgs,
		RunE: a.connected(func(ctx context.Context, c clients, _ []string) error {
			filter, order, err := f.query(a)
			if err != nil {
				return err
			}
			request := &tapiov1.ListLabelsRequest{
				Filter: filter, Order: order, Signal: f.signalValue(), Prefix: f.prefix, MetricNames: f.metrics,
			}
			labels := &table[*tapiov1.Label]{what: "labels", heading: []string{"LABEL", "RECORDS", "SIGNALS"}, row: labelRow}
			return labels.printPages(a, f.format.value, filter, f.limit, func() ([]*tapiov1.Label, string, error) {
				response, err := call(ctx, a, c.observability.ListLabels, request)
				return response.GetLabels(), response.GetNextPageToken(), err
			})
		}),
	}
	f.add(cmd, "labels")
	return cmd
}

func labelRow(l *tapiov1.Label) []cell {
	var signals []string
	for _, signal := range l.GetSignals() {
		signals = append(signals, strings.ToLower(strings.TrimPrefix(signal.String(), "SIGNAL_")))
	}
	return []cell{{l.GetName(), bold}, {thousands(l.GetRecordCount()), plain}, {strings.Join(signals, ","), dim}}
}

func newGetLabelValuesCommand(a *app) *cobra.Command {
	f := newLabelFlags()
	cmd := &cobra.Command{
		Use:   "label-values LABEL",
		Short: "List the values of a label, or of severity, name, status and kind",
		Example: `  tapioctl get label-values k8s.pod.name --service checkout
  tapioctl get label-values severity --since 1h --sort count`,
		Args: oneArgument("LABEL"),
		RunE: a.connected(func(ctx context.Context, c clients, args []string) error {
			filter, order, err := f.query(a)
			if err != nil {
				return err
			}
			request := &tapiov1.ListLabelValuesRequest{
				Label: args[0], Filter: filter, Order: order, Signal: f.signalValue(), Prefix: f.prefix, MetricNames: f.metrics,
			}
			values := &table[*tapiov1.LabelValue]{
				what: "values", heading: []string{"VALUE", "RECORDS"},
				row: func(v *tapiov1.LabelValue) []cell {
					return []cell{{orDash(v.GetValue()), bold}, {thousands(v.GetRecordCount()), plain}}
				},
			}
			return values.printPages(a, f.format.value, filter, f.limit, func() ([]*tapiov1.LabelValue, string, error) {
				response, err := call(ctx, a, c.observability.ListLabelValues, request)
				return response.GetValues(), response.GetNextPageToken(), err
			})
		}),
		ValidArgsFunction: a.completeLabels,
	}
	f.add(cmd, "values")
	return cmd
}
