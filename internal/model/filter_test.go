// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSelectorsCompareNumbers(t *testing.T) {
	for _, value := range []Value{IntValue(500), DoubleValue(500), StringValue("500"), StringValue("5e2")} {
		labels := Labels{Record: Attributes{{Key: "status", Value: value}}}
		for operator, holds := range map[string][3]bool{ // against 499.5, 500 and 501
			">": {true, false, false}, ">=": {true, true, false}, "<": {false, false, true}, "<=": {false, true, true},
		} {
			for i, than := range []string{"499.5", "500", "501"} {
				s, err := NewSelector("status", operator, []string{than})
				require.NoError(t, err)
				assert.Equal(t, holds[i], s.Match(labels), "%v %s %s", value, operator, than)
			}
		}
	}
	s, err := NewSelector("status", "<", []string{"1000"})
	require.NoError(t, err)
	for _, value := range []Value{StringValue("many"), BoolValue(true), {}} {
		assert.False(t, s.Match(Labels{Record: Attributes{{Key: "status", Value: value}}}))
	}
	assert.False(t, s.Match(Labels{}), "absent is no number")
	for _, bad := range []string{"", "many", "NaN"} {
		_, err = NewSelector("status", ">", []string{bad})
		require.ErrorContains(t, err, "is none")
	}
}
