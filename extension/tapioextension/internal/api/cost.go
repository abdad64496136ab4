// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"time"

	"github.com/tapio/tapio/extension/tapioextension/internal/cost"
	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

const (
	maxCostEntries     = 1000
	defaultCostEntries = 20
	defaultCostRange   = 24 * time.Hour
)

// GetCostAdvice implements tapiov1.OperationsServiceServer.
func (s *operationsService) GetCostAdvice(
	ctx context.Context, req *tapiov1.GetCostAdviceRequest,
) (*tapiov1.GetCostAdviceResponse, error) {
	q := cost.Query{Services: req.GetServices(), Namespaces: req.GetNamespaces(), Top: int(req.GetTop())}
	if q.Top > maxCostEntries {
		return nil, model.InvalidField("top", "must be at most %d, is %d", maxCostEntries, q.Top)
	}
	if q.Top == 0 {
		q.Top = defaultCostEntries
	}
	start, err := timeField("time_range.start", req.GetTimeRange().GetStart())
	if err != nil {
		return nil, err
	}
	end, err := timeField("time_range.end", req.GetTimeRange().GetEnd())
	if err != nil {
		return nil, err
	}
	if start.IsZero() {
		start = s.now().Add(-defaultCostRange)
	}
	q.Range.Start = model.Nanos(max(start.UnixNano(), 0))
	if !end.IsZero() {
		if !end.After(start) {
			return nil, model.InvalidField("time_range.end", "must be after the start")
		}
		q.Range.End = model.Nanos(max(end.UnixNano(), 0))
	}
	advisor := cost.Advisor{Reader: s.store, Prices: s.prices}
	advice, err := advisor.Advise(ctx, q)
	if err != nil {
		return nil, err
	}
	return s.costMessage(&advice), nil
}

func (s *operationsService) costMessage(advice *cost.Advice) *tapiov1.GetCostAdviceResponse {
	resp := &tapiov1.GetCostAdviceResponse{
		Currency: s.prices.Currency, LogCoverage: advice.LogCoverage, MetricCoverage: advice.MetricCoverage,
	}
	for _, w := range advice.Workloads {
		resp.Workloads = append(resp.Workloads, &tapiov1.WorkloadCost{
			Workload: w.Name, Kind: w.Kind, Service: w.Service, Namespace: w.Namespace, InstanceCount: uint32(w.Instances),
			Cpu: resourceMessage(&w.CPU), Memory: resourceMessage(&w.Memory), Advice: w.Advice,
		})
	}
	for _, l := range advice.Logs {
		resp.Logs = append(resp.Logs, &tapiov1.LogCost{
			Template: l.Text, Service: l.Service, RecordCount: l.Records, Bytes: l.Bytes, Share: l.Share,
			Severity: severityName(l.Severity), Filter: l.Filter(), MonthlyCost: l.MonthlyCost,
		})
	}
	for _, m := range advice.Metrics {
		resp.Metrics = append(resp.Metrics, &tapiov1.MetricCost{
			Metric: m.Name, SeriesCount: m.Series, PointCount: m.Points, Bytes: m.Bytes, Share: m.Share, WidestLabel: m.WidestLabel,
			WidestLabelValues: m.WidestValues, Filter: m.Filter(), MonthlyCost: m.MonthlyCost,
		})
	}
	return resp
}

func resourceMessage(r *cost.Resource) *tapiov1.ResourceCost {
	return &tapiov1.ResourceCost{
		Requested: r.Requested, Limit: r.Limit, UsedMean: r.UsedMean, UsedP95: r.UsedP95, UsedMax: r.UsedMax, Excess: r.Excess,
		Recommended: r.Recommended, MonthlyCost: r.MonthlyCost,
	}
}

func severityName(s model.Severity) string {
	names := []string{"", "trace", "debug", "info", "warn", "error", "fatal"}
	return names[min(int(s), len(names)-1)]
}
