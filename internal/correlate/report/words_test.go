// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestNamesAreSafeToPaste(t *testing.T) {
	assert.Equal(t, "cart-0", shell("cart-0"))
	assert.Equal(t, `'$(reboot)'`, shell("$(reboot)"))
	assert.Equal(t, `'it'\''s'`, shell("it's"))
	assert.Equal(t, "'-f'", shell("-f"))
}

func TestFiguresReadAsPeopleSayThem(t *testing.T) {
	assert.Equal(t, "24%", Percent(0.24))
	assert.Equal(t, "0.3%", Percent(0.003))
	assert.Equal(t, "over 99%", Percent(0.999))
	assert.Equal(t, "100%", Percent(1))
	assert.Equal(t, "1.3 s", Millis(1300))
	assert.Equal(t, "8 ms", Millis(8))
	assert.Equal(t, "6 min 40 s", Span(400e9))
	assert.Equal(t, "2,310", count(2310))
	assert.Equal(t, "0", Rounded(0))
	assert.Equal(t, "less than 0.01", Rounded(0.004))
	assert.Equal(t, "7.6", Rounded(7.61))
	assert.Equal(t, "10", Rounded(9.97))
	assert.Equal(t, "128 CPUs", Quantity(128, "{cpu}"))
	assert.Equal(t, "1,500", Rounded(1500))
	assert.Equal(t, "12:00:05 UTC", Clock(1_700_049_605e9))
	assert.Equal(t, "a, b and c", Listed([]string{"a", "b", "c"}))
}

func TestATitleFitsAndKeepsWhatHurts(t *testing.T) {
	title := fit("checkout has been failing since 19:03:10 UTC", ": \""+strings.Repeat("long ", 40)+"\"", "; 40% of POST /order fail")
	assert.LessOrEqual(t, len(title), MaxTitle)
	assert.True(t, strings.HasSuffix(title, "…\"; 40% of POST /order fail"), title)
}
