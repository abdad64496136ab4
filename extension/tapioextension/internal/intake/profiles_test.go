// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Folded stacks hold room by their frames and stacks, not by the length of their names,
// and give it back.
func TestFoldedStacksHoldRoom(t *testing.T) {
	a := NewAdmission(NewRoom(16<<20), func(string, string, time.Duration) {})
	name := strings.Repeat("n", 900)
	leave, err := a.Folded(t.Context(), []byte(strings.Repeat(name+";"+name+" 1\n", 1000)))
	require.NoError(t, err)
	assert.Positive(t, a.Room().Taken())
	leave()
	assert.Zero(t, a.Room().Taken())
	_, err = a.Folded(t.Context(), []byte(strings.Repeat("a;b;c;d 1\n", 50_000)))
	require.ErrorContains(t, err, "limits::request_memory")
}
