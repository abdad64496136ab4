// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Integers that no double can distinguish are compared as they are.
func TestNumbersAreComparedExactly(t *testing.T) {
	const big = 1<<53 + 1 // as a double it is 2^53
	for _, test := range []struct {
		value    Value
		operator string
		with     string
		holds    bool
	}{
		{IntValue(big), ">", "9007199254740992", true},
		{IntValue(big), ">=", "9007199254740993", true},
		{IntValue(big), ">", "9007199254740993", false},
		{IntValue(big - 1), "<", "9007199254740993", true},
		{StringValue("9007199254740993"), ">", "9007199254740992", true},
		{IntValue(math.MaxInt64), "<", "9223372036854775808", true},
		{IntValue(math.MaxInt64), ">", "9223372036854775806", true},
		{IntValue(math.MinInt64), ">=", "-9223372036854775808", true},
		{IntValue(math.MinInt64), "<", "-1e30", false},
		{DoubleValue(1 << 53), "<", "9007199254740993", true},
		{DoubleValue(0.5), ">", "0", true},
		{IntValue(1), ">", "0.5", true},
		{IntValue(-1), "<", "-0.5", true},
		{IntValue(0), "<", "0.5", true},
		{DoubleValue(math.NaN()), "<=", "1", false},
		{DoubleValue(math.Inf(1)), ">", "9223372036854775807", true},
	} {
		s, err := NewSelector("k", test.operator, []string{test.with})
		require.NoError(t, err)
		assert.Equal(t, test.holds, s.Holds(test.value, true), "%v %s %s", test.value, test.operator, test.with)
		if double, _ := test.value.Number(); test.holds {
			assert.True(t, s.MayHoldBetween(double, double), "what holds is not ruled out by rounded bounds: %+v", test)
		}
	}
}

// What differs in case alone is the same text, in every script, and nothing else is.
func TestFoldText(t *testing.T) {
	for _, same := range [][]string{
		{"σίσυφος", "ΣΊΣΥΦΟΣ", "Σίσυφοσ"},
		{"kelvin", "KELVIN", "\u212aelvin"},
		{"stress", "ſtreſs", "STRESS"},
		{"Ünïcödé", "ÜNÏCÖDÉ"},
		{"привет", "ПРИВЕТ"},
		{"ß", "ẞ"},
		{"ꭰ", "Ꭰ"}, // Cherokee, whose capitals are the older letters
	} {
		for _, other := range same {
			assert.Equal(t, FoldText(same[0]), FoldText(other), "%q and %q", same[0], other)
		}
	}
	assert.Equal(t, "abc-123", FoldText("AbC-123"))
	assert.NotEqual(t, FoldText("strasse"), FoldText("straße"), "simple folding keeps lengths in letters")
	assert.True(t, (&Filter{Text: FoldText("ΦΟΣ")}).MatchEvent(&Event{Body: StringValue("σίσυφος"), Resource: &Resource{}, Scope: &Scope{}}))
}

// A record without a severity number has the class that its text names.
func TestSeverityOfText(t *testing.T) {
	for text, want := range map[string]Severity{
		"ERROR": SeverityError, "error": SeverityError, "Err": SeverityError, "E": SeverityError, "SEVERE": SeverityError, "error2": SeverityError,
		"WARNING": SeverityWarn, "warn": SeverityWarn, "W": SeverityWarn,
		"CRITICAL": SeverityFatal, "fatal": SeverityFatal, "emerg": SeverityFatal, "PANIC": SeverityFatal,
		"INFO": SeverityInfo, "informational": SeverityInfo, "notice": SeverityInfo,
		"Debug": SeverityDebug, "TRACE": SeverityTrace, "verbose": SeverityTrace,
		"": SeverityUnspecified, "42": SeverityUnspecified, "an error": SeverityUnspecified, "errors occurred here": SeverityUnspecified,
	} {
		assert.Equal(t, want, (&Event{SeverityText: text}).Severity(), text)
	}
	assert.Equal(t, SeverityInfo, (&Event{SeverityNumber: 9, SeverityText: "ERROR"}).Severity(), "the number goes before")
}
