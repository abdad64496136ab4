// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package programpages

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

const maps = `00400000-03000000 r-xp 00000000 fe:00 42                         /usr/bin/tapio
03000000-05200000 r--p 02c00000 fe:00 42                         /usr/bin/tapio
05200000-05300000 rw-p 04e00000 fe:00 42                         /usr/bin/tapio
05300000-05400000 rw-p 00000000 00:00 0
7f0000000000-7f0000001000 r--p 00000000 fe:00 43                 /usr/lib/locale
7ffe00000000-7ffe00021000 rw-p 00000000 00:00 0                  [stack]
`

func TestOnlyPagesThatCannotBeWrittenAreReleased(t *testing.T) {
	assert.Equal(t, []span{{0x400000, 0x3000000}, {0x3000000, 0x5200000}}, readOnly([]byte(maps), "/usr/bin/tapio"))
	assert.Empty(t, readOnly([]byte("junk\nzz-yy r-xp 0 0 0 /usr/bin/tapio\n"), "/usr/bin/tapio"))
}

func TestTheProgramRunsOnWithoutItsPages(t *testing.T) {
	for range 3 {
		assert.NoError(t, Release())
	}
	assert.Len(t, readOnly([]byte(maps), "/usr/bin/tapio"), 2, "code and constants are there")
}
