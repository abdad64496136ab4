// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprof

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/tapio/tapio/internal/model"
)

// The labels of samples that link them to a span.
const (
	traceLabel = "trace_id"
	spanLabel  = "span_id"
)

// Unpack returns the bytes of a file that may be compressed with gzip. More than most
// bytes are a *model.FieldError of "data".
func Unpack(data []byte, most int) ([]byte, error) {
	if len(data) < 2 || data[0] != 0x1f || data[1] != 0x8b {
		return data, nil
	}
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err == nil {
		data, err = io.ReadAll(io.LimitReader(r, int64(most)+1))
	}
	switch {
	case err != nil:
		return nil, model.InvalidField("data", "begins like gzip but is none: %v", err)
	case len(data) > most:
		return nil, model.InvalidField("data", "has more than %d bytes unpacked: take a shorter profile", most)
	default:
		return data, nil
	}
}

// Decode reads a profile in pprof's format, not compressed. Each sample type becomes a
// profile; they share a dictionary. Samples of value 0 are left out. Resources and
// scopes are empty. What is no profile is a *model.FieldError of "data".
func Decode(data []byte) ([]model.Profile, error) {
	from, err := parse(data)
	if err != nil {
		return nil, err
	}
	return decode(from)
}

func parse(data []byte) (*profile.Profile, error) {
	from, err := profile.ParseUncompressed(data)
	if err == nil {
		err = from.CheckValid()
	}
	if err == nil && len(from.SampleType) == 0 {
		err = errors.New("it has no sample type")
	}
	if err != nil {
		return nil, model.InvalidField("data", "is not a profile in pprof's format: %v", err)
	}
	return from, nil
}

func decode(from *profile.Profile) ([]model.Profile, error) {
	d := &decoder{
		from: from, out: &model.ProfileDictionary{}, frames: map[model.Frame]uint32{}, stacks: map[string]uint32{},
		locations: map[*profile.Location][]uint32{},
	}
	list := make([]model.Profile, len(from.SampleType))
	for i, kind := range from.SampleType {
		list[i] = model.Profile{
			Resource: &model.Resource{}, Scope: &model.Scope{}, Dictionary: d.out,
			Type: model.ProfileType{Name: kind.Type, Unit: kind.Unit, Period: from.Period},
			Time: model.Nanos(max(from.TimeNanos, 0)), Duration: time.Duration(max(from.DurationNanos, 0)),
		}
		if from.PeriodType != nil {
			list[i].Type.PeriodName, list[i].Type.PeriodUnit = from.PeriodType.Type, from.PeriodType.Unit
		}
	}
	for _, s := range from.Sample {
		if d.sample(list, s); d.expanded > maxStackFrames {
			return nil, model.InvalidField("data", "has stacks of more than %d frames together: take a shorter profile", maxStackFrames)
		}
	}
	return list, nil
}

// The bounds of what a file may expand to.
const (
	maxDepth       = 1024    // frames of a stack; what is above is one truncated frame
	maxStackFrames = 4 << 20 // of all stacks together
	maxFrameText   = 4 << 10 // bytes of a name
)

type decoder struct {
	from     *profile.Profile
	out      *model.ProfileDictionary
	frames   map[model.Frame]uint32
	stacks   map[string]uint32
	expanded int // frames of stacks so far
	// locations are the frames of those read so far.
	locations map[*profile.Location][]uint32
}

func (d *decoder) sample(list []model.Profile, s *profile.Sample) {
	to := model.ProfileSample{Stack: unknown, Set: model.NoSet}
	for i, value := range s.Value {
		if value == 0 {
			continue
		}
		if to.Stack == unknown {
			to.Stack = d.stack(s)
			d.labels(&to, s)
		}
		to.Values = []int64{value}
		list[i].Samples = append(list[i].Samples, to)
	}
}

const unknown = math.MaxUint32

func (d *decoder) stack(s *profile.Sample) uint32 {
	var stack []uint32
	for _, l := range s.Location {
		stack = append(stack, d.location(l)...)
		if len(stack) > maxDepth {
			stack = append(stack[:maxDepth], d.frame(model.Frame{Kind: model.FrameTruncated}))
			break
		}
	}
	var key []byte
	for _, frame := range stack {
		key = binary.LittleEndian.AppendUint32(key, frame)
	}
	if i, known := d.stacks[string(key)]; known {
		return i
	}
	d.expanded += len(stack)
	i := uint32(len(d.out.Stacks))
	d.stacks[string(key)] = i
	d.out.Stacks = append(d.out.Stacks, stack)
	return i
}

// location returns a frame for each function that was inlined, the innermost first.
func (d *decoder) location(l *profile.Location) []uint32 {
	frames, known := d.locations[l]
	if !known {
		frames = d.newLocation(l)
		d.locations[l] = frames
	}
	return frames
}

func (d *decoder) newLocation(l *profile.Location) (frames []uint32) {
	base := model.Frame{Address: l.Address}
	if m := l.Mapping; m != nil {
		base.Mapping, base.BuildID = shortened(m.File), shortened(m.BuildID)
		if m.Start > 0 && l.Address >= m.Start {
			base.Address += m.Offset - m.Start
		}
	}
	for _, line := range l.Line[:min(len(l.Line), maxDepth)] {
		f := base
		if line.Function != nil && line.Function.Name != "" {
			f.Function, f.File, f.Line, f.Address = shortened(line.Function.Name), shortened(line.Function.Filename), line.Line, 0
		}
		frames = append(frames, d.frame(f))
	}
	if frames == nil {
		frames = []uint32{d.frame(base)}
	}
	return frames
}

// shortened cuts a name to what is stored of it.
func shortened(text string) string {
	if len(text) <= maxFrameText {
		return text
	}
	return strings.ToValidUTF8(text[:maxFrameText], "")
}

func (d *decoder) frame(f model.Frame) uint32 {
	if i, known := d.frames[f]; known {
		return i
	}
	i := uint32(len(d.out.Frames))
	d.out.Frames = append(d.out.Frames, f)
	d.frames[f] = i
	return i
}

// labels reads the labels of a sample, those that name its span as such.
func (d *decoder) labels(to *model.ProfileSample, s *profile.Sample) {
	var set model.Attributes
	for _, key := range slices.Sorted(maps.Keys(s.Label)) {
		for _, value := range s.Label[key] {
			if !linked(to, key, value) {
				set = append(set, model.KeyValue{Key: key, Value: model.StringValue(value)})
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(s.NumLabel)) {
		for _, value := range s.NumLabel[key] {
			set = append(set, model.KeyValue{Key: key, Value: model.IntValue(value)})
		}
	}
	if len(set) > 0 {
		to.Set = uint32(len(d.out.Sets))
		d.out.Sets = append(d.out.Sets, set)
	}
}

func linked(to *model.ProfileSample, key, value string) bool {
	switch key {
	case traceLabel:
		id, err := model.ParseTraceID(value)
		to.TraceID = id
		return err == nil
	case spanLabel:
		var id model.SpanID
		n, err := hex.Decode(id[:], []byte(value[:min(len(value), hex.EncodedLen(len(id)))]))
		if err != nil || n != len(id) || len(value) != hex.EncodedLen(len(id)) {
			return false
		}
		to.SpanID = id
		return true
	default:
		return false
	}
}
