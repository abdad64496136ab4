// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprof

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/model"
)

// DecodeFolded reads folded stacks: in each line frames from the root to the leaf,
// separated by semicolons, a blank, and the value, which each is multiplied with scale.
// Empty lines are skipped. A line that is none is a *model.FieldError of "data".
func DecodeFolded(data []byte, kind model.ProfileType, scale int64) (*model.Profile, error) {
	p := &model.Profile{Resource: &model.Resource{}, Scope: &model.Scope{}, Type: kind, Dictionary: &model.ProfileDictionary{}}
	d := &decoder{out: p.Dictionary, frames: map[model.Frame]uint32{}}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimSpace(string(line))
		if text == "" {
			continue
		}
		at := strings.LastIndexByte(text, ' ')
		value, err := strconv.ParseInt(text[at+1:], 10, 64)
		if at <= 0 || err != nil || value < 0 || value > math.MaxInt64/scale {
			return nil, model.InvalidField("data", "line %d is no folded stack: write the frames from the root to the leaf, "+
				"separated by semicolons, a blank, and a number, for example main;work 12", number)
		}
		names := strings.Split(text[:at], ";")
		stack := make([]uint32, 0, len(names))
		for i := len(names) - 1; i >= 0; i-- {
			stack = append(stack, d.frame(foldedFrame(names[i])))
		}
		p.Samples = append(p.Samples, model.ProfileSample{
			Stack: uint32(len(p.Dictionary.Stacks)), Set: model.NoSet, Values: []int64{value * scale},
		})
		p.Dictionary.Stacks = append(p.Dictionary.Stacks, stack)
	}
	return p, nil
}

// foldedFrame is the frame of a name.
func foldedFrame(name string) model.Frame {
	if name == "[truncated]" {
		return model.Frame{Kind: model.FrameTruncated}
	}
	if name == "[unknown]" {
		return model.Frame{}
	}
	return model.Frame{Function: shortened(name)}
}
