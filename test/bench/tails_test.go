// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/test/bench/streamed"
)

func TestATailChecksWhatItGets(t *testing.T) {
	for name, c := range map[string]struct {
		answer streamed.Answer
		valid  bool
	}{
		"the next":                 {streamed.Answer{Records: 2, First: 1, Last: 2}, true},
		"a loss and what is next":  {streamed.Answer{Lost: 3, LostFrom: 1, LostTo: 3, Records: 1, First: 4, Last: 4}, true},
		"a gap":                    {streamed.Answer{Records: 1, First: 2, Last: 2}, false},
		"a gap among records":      {streamed.Answer{Records: 2, First: 1, Last: 3}, false},
		"a repeat after a loss":    {streamed.Answer{Lost: 3, LostFrom: 1, LostTo: 3, Records: 1, First: 3, Last: 3}, false},
		"a loss that is too small": {streamed.Answer{Lost: 2, LostFrom: 1, LostTo: 3}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var one tail
			one.next.Store(1)
			if err := one.take(&c.answer); c.valid {
				require.NoError(t, err)
				require.Equal(t, c.answer.Records+c.answer.Lost+1, one.next.Load())
			} else {
				require.Error(t, err)
			}
		})
	}
}
