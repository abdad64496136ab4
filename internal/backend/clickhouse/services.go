// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package clickhouse

import (
	"context"
	"maps"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// kernelSource is the value of semconv.Source in what the kernel saw.
const kernelSource = "ebpf"

// serviceTally is what is counted of one service.
type serviceTally struct {
	service               model.Service
	namespaces, instances map[string]bool
	// Requests as the service itself reports them, and as the kernel saw them. The same
	// request may be in both.
	own, seen requestRow
}

// serviceTallies counts services by name.
type serviceTallies map[string]*serviceTally

// note adds one instance of a service.
func (t serviceTallies) note(name, namespace, instance string, signal model.Signal, first, last int64) *serviceTally {
	tally := t[name]
	if tally == nil {
		tally = &serviceTally{service: model.Service{Name: name}, namespaces: map[string]bool{}, instances: map[string]bool{}}
		t[name] = tally
	}
	tally.service.Signals = tally.service.Signals.With(signal)
	if namespace != "" {
		tally.namespaces[namespace] = true
	}
	if instance != "" {
		tally.instances[instance] = true
	}
	if first > 0 && (tally.service.First == 0 || nanosOf(first) < tally.service.First) {
		tally.service.First = nanosOf(first)
	}
	tally.service.Last = max(tally.service.Last, nanosOf(last))
	return tally
}

// instance are expressions for the service, the namespace and the instance of a row.
func (s *statement) instance(f *source) string {
	_, service := s.label(f, model.NewLabelKey(semconv.ServiceName))
	_, namespace := s.label(f, model.NewLabelKey("namespace"))
	_, instance := s.label(f, model.NewLabelKey(semconv.ServiceInstanceID))
	return service + " AS service, " + namespace + " AS namespace, " + instance + " AS instance"
}

// ListServices implements query.Discoverer.
func (r *Reader) ListServices(ctx context.Context, q model.ServiceQuery) (list model.List[model.Service], err error) {
	s, err := r.begin(ctx)
	if err != nil {
		return list, err
	}
	tallies := serviceTallies{}
	oldest, err := s.servicesOf(ctx, &q.Filter, tallies)
	if err != nil {
		return list, err
	}
	items := make([]listed[model.Service], 0, len(tallies))
	for name, tally := range tallies {
		one := tally.result(q.Filter.Time, oldest)
		items = append(items, listed[model.Service]{
			item: one, place: model.ListPlace{Key: model.ListKey(name), Count: one.Logs + one.Spans + one.Series},
			bytes: textBytes(one.Instances) + textBytes(one.Namespaces),
		})
	}
	return pageOf(items, q.Paging), ctx.Err()
}

func textBytes(texts []string) (bytes int) {
	for _, text := range texts {
		bytes += len(text) + 2
	}
	return bytes
}

// servicesOf counts the services of all signals. It returns since when there are spans.
func (s *statement) servicesOf(ctx context.Context, filter *model.Filter, tallies serviceTallies) (oldest model.Nanos, err error) {
	if f := s.logs(); s.schema.exists(f.table) {
		if err := s.servicesOfLogs(ctx, f, filter, tallies); err != nil {
			return 0, err
		}
	}
	if f := s.traces(); s.schema.exists(f.table) {
		if oldest, err = s.oldestSpan(ctx, f, filter.Time); err != nil {
			return 0, err
		}
		if err := s.servicesOfSpans(ctx, f, filter, tallies); err != nil {
			return 0, err
		}
	}
	for _, table := range s.metricTables() {
		if err := s.servicesOfSeries(ctx, &table, filter, tallies); err != nil {
			return 0, err
		}
	}
	return oldest, nil
}

func (s *statement) servicesOfLogs(ctx context.Context, f *source, filter *model.Filter, tallies serviceTallies) error {
	sql := "SELECT " + s.instance(f) + ", count(), countIf(" + severityClass() + " >= 5), minIf(" + nanos(f.at) + ", " + nanos(f.at) + " > 0), max(" + nanos(f.at) + ") FROM " +
		f.from(s.reader) + " WHERE " + all(s.filter(f, filter)) + " GROUP BY service, namespace, instance"
	return s.each(ctx, sql, func(scan scanner) error {
		var service, namespace, instance string
		var count, failed uint64
		var first, last int64
		if err := scan(&service, &namespace, &instance, &count, &failed, &first, &last); err != nil {
			return err
		}
		tally := tallies.note(service, namespace, instance, model.SignalLogs, first, last)
		tally.service.Logs += count
		tally.service.ErrorLogs += failed
		return nil
	})
}

func (s *statement) servicesOfSpans(ctx context.Context, f *source, filter *model.Filter, tallies serviceTallies) error {
	_, origin := s.label(f, model.NewLabelKey(semconv.Source))
	sql := "SELECT " + s.instance(f) + ", " + origin + " = '" + kernelSource + "' AS kernel, " + spanKind + " IN (2, 5) AS request, " + f.requestColumns() +
		" FROM " + f.from(s.reader) + " WHERE " + all(s.filter(f, filter)) + " GROUP BY service, namespace, instance, kernel, request"
	return s.each(ctx, sql, func(scan scanner) error {
		var service, namespace, instance string
		var kernel, request uint8
		var row requestRow
		if err := scan(append([]any{&service, &namespace, &instance, &kernel, &request}, row.targets()...)...); err != nil {
			return err
		}
		tally := tallies.note(service, namespace, instance, model.SignalTraces, row.first, row.last)
		tally.service.Spans += row.count
		switch {
		case request == 0:
		case kernel != 0:
			tally.seen.merge(&row)
		default:
			tally.own.merge(&row)
		}
		return nil
	})
}

func (s *statement) servicesOfSeries(ctx context.Context, t *metricTable, filter *model.Filter, tallies serviceTallies) error {
	sql := "SELECT " + s.instance(t.source) + ", uniqExact(" + t.seriesKey() + "), min(" + nanos(t.at) + "), max(" + nanos(t.at) + ") FROM " +
		t.from(s.reader) + " WHERE " + all(s.filter(t.source, filter)) + " GROUP BY service, namespace, instance"
	return s.each(ctx, sql, func(scan scanner) error {
		var service, namespace, instance string
		var series uint64
		var first, last int64
		if err := scan(&service, &namespace, &instance, &series, &first, &last); err != nil {
			return err
		}
		tallies.note(service, namespace, instance, model.SignalMetrics, first, last).service.Series += series
		return nil
	})
}

// result completes what was counted.
func (t *serviceTally) result(times model.TimeRange, oldest model.Nanos) model.Service {
	s := t.service
	s.Namespaces = slices.Sorted(maps.Keys(t.namespaces))
	s.InstanceCount = len(t.instances)
	s.Instances = slices.Sorted(maps.Keys(t.instances))
	s.Instances = s.Instances[:min(len(s.Instances), model.MaxInstances)]
	requests := &t.own
	if requests.count == 0 {
		requests = &t.seen
	}
	s.RED = requests.red(times, oldest)
	s.RED.Kernel = t.own.count == 0 && t.seen.count > 0
	return s
}

// ListMetrics implements query.Discoverer.
func (r *Reader) ListMetrics(ctx context.Context, q model.MetricQuery) (list model.List[model.MetricInfo], err error) {
	s, err := r.begin(ctx)
	if err != nil {
		return list, err
	}
	items := []listed[model.MetricInfo]{}
	for _, table := range s.metricTables() {
		_, service := s.label(table.source, model.NewLabelKey(semconv.ServiceName))
		sql := "SELECT " + columnList(table.identity()) + ", anyLastIf(MetricDescription, MetricDescription != ''), uniqExact(" + table.seriesKey() + "), groupUniqArray(" + service +
			"), min(" + nanos(table.at) + "), max(" + nanos(table.at) + ") FROM " + table.from(s.reader) + " WHERE " + all(s.points(table.source, q.Names, &q.Filter)) +
			" GROUP BY kind, name, unit, temporality, monotonic"
		err := s.each(ctx, sql, func(scan scanner) error {
			var row pointRow
			var info model.MetricInfo
			var first, last int64
			err := scan(&row.kind, &row.name, &row.unit, &row.temporality, &row.monotonic, &row.description, &info.Series, &info.Services, &first, &last)
			if err != nil {
				return err
			}
			info.Metric, info.First, info.Last = row.metric(), nanosOf(first), nanosOf(last)
			slices.Sort(info.Services)
			info.Services = info.Services[:min(len(info.Services), model.MaxInstances)]
			items = append(items, listed[model.MetricInfo]{
				item: info, place: model.ListPlace{Key: info.Metric.ListKey(), Count: info.Series},
				bytes: textBytes(info.Services) + len(info.Metric.Description),
			})
			return nil
		})
		if err != nil {
			return list, err
		}
	}
	return pageOf(items, q.Paging), nil
}
