// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestALongCellDoesNotWidenTheOtherRows(t *testing.T) {
	var out strings.Builder
	o := NewOutput(&out, io.Discard, false, time.Now)
	long := strings.Repeat("x", maxColumnWidth+1)
	o.PrintTable([]string{"VALUE", "RECORDS"}, [][]Cell{Cells("short", "1"), Cells("a bit longer", "2"), Cells(long, "3")})
	require.NoError(t, o.Flush())
	assert.Equal(t, "VALUE         RECORDS\nshort         1\na bit longer  2\n"+long+"  3\n", out.String())
}
