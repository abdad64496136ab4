//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profile

import (
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"maps"
	"slices"

	"go.opentelemetry.io/collector/pdata/pprofile"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/otlp"
	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/identity"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/symbols"
)

// The sample types.
const (
	typeCPU     = "cpu"
	typeOffCPU  = "off_cpu"
	nanoseconds = "nanoseconds"
)

// put adds a profile of each owner and kind of sample to the batch, all with one
// dictionary.
func (i *profileInterval) put(out *emit.Batch) {
	var list []model.Profile
	var of []owner
	owners := i.owners(out.Table)
	i.mergeShortLived(owners, func(process, thread uint32) bool { return identity.HasThread(out.Table, process, thread) })
	byProcess := map[symbols.Process][]threadSample{}
	for sample := range i.samples {
		byProcess[sample.process] = append(byProcess[sample.process], sample)
	}
	sets := newSampleSets(i.dictionary)
	for _, process := range slices.SortedFunc(maps.Keys(byProcess), compareProcesses) {
		for _, kind := range []uint32{kindOnCPU, kindOffCPU} {
			if p, ok := i.profile(kind, byProcess[process], sets); ok {
				list, of = append(list, p), append(of, owners[process])
			}
		}
	}
	identify(list)
	if len(list) > 0 {
		out.Profiles = append(out.Profiles, i.export(list, of, out))
	}
}

func compareProcesses(a, b symbols.Process) int {
	return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.Start, b.Start), cmp.Compare(a.Image, b.Image))
}

func (*profileInterval) export(list []model.Profile, of []owner, out *emit.Batch) pprofile.Profiles {
	profiles := otlp.ProfilesFrom(list)
	for at, o := range of {
		to := profiles.ResourceProfiles().At(at)
		out.PutResource(to.Resource(), o.process.Place)
		if o.commands {
			emit.PutProgram(to.Resource().Attributes(), o.process)
		} else {
			emit.PutProcess(to.Resource().Attributes(), o.process)
		}
		out.PutInstance(to.Resource().Attributes(), o.process.Instance())
		out.PutScope(to.ScopeProfiles().At(0).Scope())
	}
	return profiles
}

// profile makes a profile of the samples of that kind; not ok if there are none.
func (i *profileInterval) profile(kind uint32, from []threadSample, sets *sampleSets) (p model.Profile, ok bool) {
	p = model.Profile{
		Resource: &model.Resource{}, Scope: &model.Scope{}, Dictionary: i.dictionary, Time: model.Nanos(i.began.UnixNano()), Duration: i.ended.Sub(i.began),
		Type: model.ProfileType{Name: typeCPU, Unit: nanoseconds, PeriodName: typeCPU, PeriodUnit: nanoseconds, Period: i.period.Nanoseconds()},
	}
	if kind == kindOffCPU {
		p.Type = model.ProfileType{Name: typeOffCPU, Unit: nanoseconds}
	}
	for _, sample := range from {
		if sample.kind != kind {
			continue
		}
		sum := i.samples[sample]
		value := int64(sum.Nanoseconds)
		if kind == kindOnCPU {
			value = int64(sum.Count) * i.period.Nanoseconds()
		}
		p.Samples = append(p.Samples, model.ProfileSample{
			Stack: sample.stack, Set: sets.of(&sample), Values: []int64{value}, TraceID: model.TraceID(sample.link.trace), SpanID: model.SpanID(sample.link.span),
		})
	}
	if len(p.Samples) == 0 {
		return p, false
	}
	return p, true
}

// identify gives profiles ids that follow each other, of which the store keeps the first.
func identify(list []model.Profile) {
	var id model.ProfileID
	_, _ = rand.Read(id[:]) // it never fails
	for i := range list {
		list[i].ID = id
		binary.BigEndian.PutUint64(id[8:], binary.BigEndian.Uint64(id[8:])+1)
	}
}

// sampleSets are the attributes of samples, each kept once.
type sampleSets struct {
	dictionary *model.ProfileDictionary
	known      map[threadSample]uint32
}

func newSampleSets(d *model.ProfileDictionary) *sampleSets {
	return &sampleSets{dictionary: d, known: map[threadSample]uint32{}}
}

func (s *sampleSets) of(sample *threadSample) uint32 {
	key := threadSample{thread: sample.thread, comm: sample.comm, resolvedStack: resolvedStack{reason: sample.reason}}
	if set, ok := s.known[key]; ok {
		return set
	}
	attributes := model.Attributes{{Key: semconv.ThreadName, Value: model.StringValue(kernel.Text(sample.comm[:]))}}
	if sample.thread != 0 {
		attributes = append(attributes, model.KeyValue{Key: semconv.ThreadID, Value: model.IntValue(int64(sample.thread))})
	}
	if sample.reason != "" {
		attributes = append(attributes, model.KeyValue{Key: semconv.BlockedReason, Value: model.StringValue(sample.reason)})
	}
	set := uint32(len(s.dictionary.Sets))
	s.dictionary.Sets = append(s.dictionary.Sets, attributes)
	s.known[key] = set
	return set
}
