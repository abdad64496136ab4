// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cost

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/semconv"
)

// Resource compares what is requested with what is used, in cores or GiB.
type Resource struct {
	Requested, Limit           float64
	UsedMean, UsedP95, UsedMax float64
	Excess, Recommended        float64
	MonthlyCost                float64
}

// Workload is what the instances of one workload request and use together.
type Workload struct {
	Name, Kind, Service, Namespace string
	Instances                      int
	CPU, Memory                    Resource
	Advice                         string
}

// tally collects what is known of a workload.
type tally struct {
	workload  Workload
	instances map[string]bool
	by        [figuresTracked]string // the metric that counts
	values    [figuresTracked]map[string][]float64
}

func (a *Advisor) workloads(ctx context.Context, q Query) ([]Workload, error) {
	found := map[string]*tally{}
	var points []model.Point
	for _, src := range sources() {
		filter := q.filter()
		filter.Services = nil // may be workloads
		set, err := a.Reader.SelectSeries(ctx, model.SeriesQuery{Names: []string{src.metric}, Filter: filter})
		if err != nil {
			return nil, err
		}
		for i := range min(set.Len(), maxSeriesRead) {
			if points, err = set.Points(i, points[:0]); err != nil {
				set.Close()
				return nil, err
			}
			take(found, src, set.Series(i), points)
		}
		set.Close()
	}
	var list []Workload
	for _, t := range found {
		w := a.judge(t)
		if wanted(q.Services, &w) && w.CPU.UsedMax+w.Memory.UsedMax+w.CPU.Requested+w.Memory.Requested > 0 {
			list = append(list, w)
		}
	}
	slices.SortFunc(list, func(x, y Workload) int {
		return cmp.Or(cmp.Compare(y.weight(), x.weight()), cmp.Compare(x.Name, y.Name), cmp.Compare(x.Namespace, y.Namespace))
	})
	return list[:min(len(list), q.Top)], nil
}

func wanted(services []string, w *Workload) bool {
	return len(services) == 0 || slices.Contains(services, w.Name) || slices.Contains(services, w.Service)
}

// weight orders workloads: by what too much or too little is requested, then by use.
func (w *Workload) weight() float64 {
	return 1e6*(math.Abs(w.CPU.Excess)+math.Abs(w.Memory.Excess)/4) + w.CPU.UsedMean + w.Memory.UsedMean/4
}

// take adds a series to its workload.
func take(found map[string]*tally, src source, s *model.Series, points []model.Point) {
	labels := model.Labels{Record: s.Attributes, Scope: s.Scope, Resource: s.Resource}
	name, kind := workloadOf(labels)
	if name == "" || len(points) == 0 {
		return
	}
	namespace := label(labels, "namespace")
	key := namespace + "\x00" + kind + "\x00" + name
	t := found[key]
	if t == nil {
		t = &tally{workload: Workload{Name: name, Kind: kind, Namespace: namespace}, instances: map[string]bool{}}
		found[key] = t
	}
	t.workload.Service = cmp.Or(t.workload.Service, label(labels, "service"))
	used := map[figure]figure{cpuSeconds: cpuUsed}[src.figure]
	if src.figure != cpuSeconds {
		used = src.figure
	}
	if t.by[used] == "" {
		t.by[used], t.values[used] = src.metric, map[string][]float64{}
	}
	if t.by[used] != src.metric {
		return
	}
	instance := cmp.Or(label(labels, "pod"), label(labels, semconv.ContainerID), label(labels, "instance"), label(labels, semconv.ProcessPID), "1")
	t.instances[instance] = true
	part := instance + "/" + cmp.Or(label(labels, "container"), label(labels, semconv.ProcessExecutableName)) + "/" + label(labels, semconv.CPUMode)
	values := values(src.figure, points)
	if used == memoryUsed {
		for i := range values {
			values[i] /= gib
		}
	}
	if used == memoryRequest || used == memoryLimit {
		values = []float64{values[len(values)-1] / gib}
	}
	t.values[used][part] = append(t.values[used][part], values...)
}

// values are the numbers of a series; of a cumulative one its rates per second.
func values(f figure, points []model.Point) []float64 {
	list := make([]float64, 0, len(points))
	for i := range points {
		if points[i].Flags&model.FlagNoRecordedValue != 0 {
			continue
		}
		if f != cpuSeconds {
			list = append(list, points[i].Float())
			continue
		}
		if i == 0 || points[i].Time <= points[i-1].Time {
			continue
		}
		if grown := points[i].Float() - points[i-1].Float(); grown >= 0 {
			list = append(list, grown/(float64(points[i].Time-points[i-1].Time)/1e9))
		}
	}
	if len(list) == 0 {
		return []float64{0}
	}
	return list
}

func label(labels model.Labels, name string) string {
	v, _ := labels.Get(model.NewLabelKey(name))
	return v.Text()
}

// workloadOf is what the series belongs to, the widest that is known.
func workloadOf(labels model.Labels) (name, kind string) {
	for _, one := range []struct{ key, kind string }{
		{semconv.K8sDeploymentName, "deployment"},
		{semconv.K8sStatefulsetName, "statefulset"},
		{semconv.K8sDaemonsetName, "daemonset"},
		{semconv.K8sCronjobName, "cronjob"},
		{semconv.K8sJobName, "job"},
		{semconv.ServiceName, "service"},
		{semconv.K8sPodName, "pod"},
		{semconv.ContainerName, "container"},
		{semconv.ProcessExecutableName, "process"},
	} {
		if name := label(labels, one.key); name != "" {
			return name, one.kind
		}
	}
	return "", ""
}

// Reserves above what was used, and from which part of a request on advice is given.
const (
	cpuReserve    = 1.15
	memoryReserve = 1.2
	worthwhile    = 0.25
	leastCores    = 0.1
	leastGiB      = 0.0625
)

func (a *Advisor) judge(t *tally) Workload {
	w := t.workload
	w.Instances = len(t.instances)
	w.CPU = resource(t, cpuUsed, cpuRequested, cpuLimited)
	w.CPU.Recommended = cpuReserve * w.CPU.UsedP95
	w.Memory = resource(t, memoryUsed, memoryRequest, memoryLimit)
	w.Memory.Recommended = memoryReserve * w.Memory.UsedMax
	a.price(&w.CPU, a.Prices.CoreHour)
	a.price(&w.Memory, a.Prices.GiBHour)
	w.Advice = advice(&w)
	return w
}

func (a *Advisor) price(r *Resource, hour float64) {
	if r.Requested > 0 && r.UsedMax > 0 {
		r.Excess = r.Requested - r.Recommended
		r.MonthlyCost = max(r.Excess, 0) * hour * hoursPerMonth
	}
}

// resource sums up the parts of a workload: containers of pods, or processes.
func resource(t *tally, used, requested, limited figure) Resource {
	var r Resource
	for _, part := range slices.Sorted(maps.Keys(t.values[used])) {
		values := slices.Sorted(slices.Values(t.values[used][part]))
		sum := 0.0
		for _, v := range values {
			sum += v
		}
		r.UsedMean += sum / float64(len(values))
		r.UsedP95 += values[min(int(math.Ceil(0.95*float64(len(values)))), len(values))-1]
		r.UsedMax += values[len(values)-1]
	}
	for _, values := range t.values[requested] {
		r.Requested += values[len(values)-1]
	}
	for _, values := range t.values[limited] {
		r.Limit += values[len(values)-1]
	}
	return r
}

func advice(w *Workload) string {
	parts := ""
	add := func(sentence string) {
		if parts != "" {
			parts += "; "
		}
		parts += sentence
	}
	per := float64(max(w.Instances, 1))
	if say, verb := worth(&w.CPU, leastCores); say {
		add(fmt.Sprintf("%s the CPU request to %.2g cores an instance (now %.2g)", verb, w.CPU.Recommended/per, w.CPU.Requested/per))
	}
	if say, verb := worth(&w.Memory, leastGiB); say {
		add(fmt.Sprintf("%s the memory request to %.2g GiB an instance (now %.2g)", verb, w.Memory.Recommended/per, w.Memory.Requested/per))
	}
	if parts == "" && w.CPU.Requested == 0 && w.Memory.Requested == 0 && slices.Contains([]string{"deployment", "statefulset", "daemonset"}, w.Kind) {
		add(fmt.Sprintf("requests are not known or not set; %.2g cores and %.2g GiB an instance would do", w.CPU.Recommended/per, w.Memory.Recommended/per))
	}
	return parts
}

func worth(r *Resource, least float64) (say bool, verb string) {
	switch {
	case r.Excess > max(worthwhile*r.Requested, least):
		return true, "lower"
	case -r.Excess > max(worthwhile*r.Requested, least):
		return true, "raise"
	default:
		return false, ""
	}
}
