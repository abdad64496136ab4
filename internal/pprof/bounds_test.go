// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package pprof

import (
	"strings"
	"testing"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Stacks that many samples have count once, and names are cut to what is stored of them.
func TestDecodeExpandsEachStackOnce(t *testing.T) {
	l := &profile.Location{ID: 1, Line: []profile.Line{{Function: &profile.Function{ID: 1, Name: strings.Repeat("n", 1<<20)}}}}
	stack := make([]*profile.Location, maxDepth)
	for i := range stack {
		stack[i] = l
	}
	from := &profile.Profile{SampleType: []*profile.ValueType{{Type: "cpu", Unit: "nanoseconds"}}}
	for range maxStackFrames/maxDepth + 1 {
		from.Sample = append(from.Sample, &profile.Sample{Location: stack, Value: []int64{1}})
	}
	list, err := decode(from)
	require.NoError(t, err)
	assert.Len(t, list[0].Samples, len(from.Sample))
	require.Len(t, list[0].Dictionary.Stacks, 1)
	assert.Len(t, list[0].Dictionary.Frames[0].Function, maxFrameText)
}
