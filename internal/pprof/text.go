// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprof

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// Folded writes a profile as folded stacks: in each line the frames from the root to the
// leaf, separated by semicolons, a blank, and the value. More than so many bytes of stacks are a
// *model.ExhaustedError.
func Folded(p *model.Profile, most int) ([]byte, error) {
	sums := map[string]int64{}
	var line []byte
	for i := range p.Samples {
		line = line[:0]
		stack := p.Dictionary.Stacks[p.Samples[i].Stack]
		for j := len(stack) - 1; j >= 0; j-- {
			if len(line) > 0 {
				line = append(line, ';')
			}
			line = append(line, foldedName(&p.Dictionary.Frames[stack[j]])...)
		}
		if _, known := sums[string(line)]; !known {
			if most -= len(line); most < 0 {
				return nil, model.Exhausted("the folded stacks are too large: narrow the filter or the time range, or request pprof")
			}
		}
		for _, value := range p.Samples[i].Values {
			sums[string(line)] += value
		}
	}
	var out bytes.Buffer
	for _, stack := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&out, "%s %d\n", stack, sums[stack])
	}
	return out.Bytes(), nil
}

// foldedName is the name of a frame without what separates frames and lines.
func foldedName(f *model.Frame) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case ';':
			return ':'
		case '\n', '\r':
			return ' '
		default:
			return r
		}
	}, textName(f))
}

// textName is the name of a frame where there are no addresses.
func textName(f *model.Frame) string {
	switch name := frameName(f); {
	case name != "":
		return name
	case f.Mapping != "":
		return fmt.Sprintf("%s+0x%x", f.Mapping[strings.LastIndexByte(f.Mapping, '/')+1:], f.Address)
	case f.Address != 0:
		return fmt.Sprintf("0x%x", f.Address)
	default:
		return "[unknown]"
	}
}

// The parts of speedscope's file format that are written.
type (
	speedscopeFile struct {
		Schema   string              `json:"$schema"`
		Exporter string              `json:"exporter"`
		Name     string              `json:"name"`
		Shared   speedscopeShared    `json:"shared"`
		Profiles []speedscopeProfile `json:"profiles"`
	}
	speedscopeShared struct {
		Frames []speedscopeFrame `json:"frames"`
	}
	speedscopeFrame struct {
		Name string `json:"name"`
		File string `json:"file,omitempty"`
		Line int64  `json:"line,omitempty"`
	}
	speedscopeProfile struct {
		Type       string     `json:"type"`
		Name       string     `json:"name"`
		Unit       string     `json:"unit"`
		StartValue int64      `json:"startValue"`
		EndValue   int64      `json:"endValue"`
		Samples    [][]uint32 `json:"samples"`
		Weights    []int64    `json:"weights"`
	}
)

// Speedscope writes a profile in speedscope's JSON.
func Speedscope(p *model.Profile) ([]byte, error) {
	units := []string{"nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"}
	to := speedscopeProfile{Type: "sampled", Name: p.Type.Name, Unit: "none", Samples: [][]uint32{}, Weights: []int64{}}
	if slices.Contains(units, p.Type.Unit) {
		to.Unit = p.Type.Unit
	}
	for i := range p.Samples {
		stack := slices.Clone(p.Dictionary.Stacks[p.Samples[i].Stack])
		slices.Reverse(stack)
		if stack == nil {
			stack = []uint32{}
		}
		var sum int64
		for _, value := range p.Samples[i].Values {
			sum += value
		}
		to.Samples, to.Weights = append(to.Samples, stack), append(to.Weights, sum)
		to.EndValue += sum
	}
	file := speedscopeFile{
		Schema: "https://www.speedscope.app/file-format-schema.json", Exporter: "tapio", Name: p.Type.Name,
		Profiles: []speedscopeProfile{to},
	}
	file.Shared.Frames = make([]speedscopeFrame, len(p.Dictionary.Frames))
	for i := range p.Dictionary.Frames {
		f := &p.Dictionary.Frames[i]
		file.Shared.Frames[i] = speedscopeFrame{Name: textName(f), File: f.File, Line: f.Line}
	}
	return json.Marshal(file)
}
