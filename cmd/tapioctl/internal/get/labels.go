// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package get

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
	"github.com/tapio/tapio/cmd/tapioctl/internal/render"
	"github.com/tapio/tapio/cmd/tapioctl/internal/selector"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func newGetMetricNamesCommand(a *app.App) *cobra.Command {
	f := selector.NewListFlags()
	var names []string
	cmd := &cobra.Command{
		Use:     "metric-names",
		Short:   "List the metrics with type, unit, series and description",
		Example: `  tapioctl get metric-names --name 'http.*' --service checkout`,
		Args:    cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			filter, order, err := f.Query(&a.Out.Clock)
			if err != nil {
				return err
			}
			request := &tapiov1.ListMetricsRequest{Filter: filter, Order: order, MetricNames: names}
			return app.PrintPages(metricTable(), a.Out, f.Format.Value, filter, f.Limit, func() ([]*tapiov1.MetricDescription, string, error) {
				response, err := app.Call(ctx, a, c.Observability.ListMetrics, request)
				return response.GetMetrics(), response.GetNextPageToken(), err
			})
		}),
	}
	f.Add(cmd, "metrics")
	cmd.Flags().StringSliceVar(&names, "name", nil, "only metrics of this name; a trailing * matches any ending")
	return cmd
}

func metricTable() *render.Table[*tapiov1.MetricDescription] {
	return &render.Table[*tapiov1.MetricDescription]{
		What: "metrics", Heading: []string{"METRIC", "TYPE", "UNIT", "SERIES", "SERVICES", "DESCRIPTION"},
		Row: func(m *tapiov1.MetricDescription) []render.Cell {
			kind := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(m.GetType().String(), "TYPE_")), "_", " ")
			return []render.Cell{
				{Text: m.GetName(), Paint: render.Bold},
				{Text: kind, Paint: render.Plain},
				{Text: render.OrDash(m.GetUnit()), Paint: render.Plain},
				{Text: render.Thousands(m.GetSeriesCount()), Paint: render.Plain},
				{Text: render.OrDash(strings.Join(render.FirstOf(5, m.GetServices()), ",")), Paint: render.Cyan},
				{Text: m.GetDescription(), Paint: render.Dim},
			}
		},
	}
}

// labelFlags are those of labels and of their values.
type labelFlags struct {
	*selector.ListFlags
	signal  selector.Choice
	prefix  string
	metrics []string
}

func newLabelFlags() *labelFlags {
	return &labelFlags{ListFlags: selector.NewListFlags(), signal: selector.NewChoice("", "logs", "traces", "metrics")}
}

func (f *labelFlags) add(cmd *cobra.Command, what string) {
	f.Add(cmd, what)
	selector.AddChoice(cmd, cmd.Flags(), &f.signal, "signal", "", "only "+what+" of this signal")
	cmd.Flags().StringVar(&f.prefix, "prefix", "", "only "+what+" that begin with this text")
	cmd.Flags().StringSliceVar(&f.metrics, "name", nil, "only "+what+" of metrics of this name; a trailing * matches any ending")
}

func (f *labelFlags) signalValue() tapiov1.Signal {
	if len(f.metrics) > 0 && f.signal.Value == "" {
		return tapiov1.Signal_SIGNAL_METRICS
	}
	return tapiov1.Signal(tapiov1.Signal_value["SIGNAL_"+strings.ToUpper(f.signal.Value)])
}

func newGetLabelsCommand(a *app.App) *cobra.Command {
	f := newLabelFlags()
	cmd := &cobra.Command{
		Use:     "labels",
		Short:   "List the labels of records and series",
		Example: `  tapioctl get labels --signal logs --prefix http. --sort count`,
		Args:    cobra.NoArgs,
		RunE: a.Connected(func(ctx context.Context, c app.Clients, _ []string) error {
			filter, order, err := f.Query(&a.Out.Clock)
			if err != nil {
				return err
			}
			request := &tapiov1.ListLabelsRequest{
				Filter: filter, Order: order, Signal: f.signalValue(), Prefix: f.prefix, MetricNames: f.metrics,
			}
			labels := &render.Table[*tapiov1.Label]{What: "labels", Heading: []string{"LABEL", "RECORDS", "SIGNALS"}, Row: labelRow}
			return app.PrintPages(labels, a.Out, f.Format.Value, filter, f.Limit, func() ([]*tapiov1.Label, string, error) {
				response, err := app.Call(ctx, a, c.Observability.ListLabels, request)
				return response.GetLabels(), response.GetNextPageToken(), err
			})
		}),
	}
	f.add(cmd, "labels")
	return cmd
}

func labelRow(l *tapiov1.Label) []render.Cell {
	var signals []string
	for _, signal := range l.GetSignals() {
		signals = append(signals, strings.ToLower(strings.TrimPrefix(signal.String(), "SIGNAL_")))
	}
	return []render.Cell{{Text: l.GetName(), Paint: render.Bold}, {Text: render.Thousands(l.GetRecordCount()), Paint: render.Plain}, {Text: strings.Join(signals, ","), Paint: render.Dim}}
}

func newGetLabelValuesCommand(a *app.App) *cobra.Command {
	f := newLabelFlags()
	cmd := &cobra.Command{
		Use:   "label-values LABEL",
		Short: "List the values of a label, or of severity, name, status and kind",
		Example: `  tapioctl get label-values k8s.pod.name --service checkout
  tapioctl get label-values severity --since 1h --sort count`,
		Args: app.OneArgument("LABEL"),
		RunE: a.Connected(func(ctx context.Context, c app.Clients, args []string) error {
			filter, order, err := f.Query(&a.Out.Clock)
			if err != nil {
				return err
			}
			request := &tapiov1.ListLabelValuesRequest{
				Label: args[0], Filter: filter, Order: order, Signal: f.signalValue(), Prefix: f.prefix, MetricNames: f.metrics,
			}
			values := &render.Table[*tapiov1.LabelValue]{
				What: "values", Heading: []string{"VALUE", "RECORDS"},
				Row: func(v *tapiov1.LabelValue) []render.Cell {
					return []render.Cell{{Text: render.OrDash(v.GetValue()), Paint: render.Bold}, {Text: render.Thousands(v.GetRecordCount()), Paint: render.Plain}}
				},
			}
			return app.PrintPages(values, a.Out, f.Format.Value, filter, f.Limit, func() ([]*tapiov1.LabelValue, string, error) {
				response, err := app.Call(ctx, a, c.Observability.ListLabelValues, request)
				return response.GetValues(), response.GetNextPageToken(), err
			})
		}),
		ValidArgsFunction: a.CompleteLabels,
	}
	f.add(cmd, "values")
	return cmd
}
