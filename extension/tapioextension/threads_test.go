// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSpareThreadsComeAndGo(t *testing.T) {
	t.Setenv("GOMAXPROCS", "") // restored at the end
	require.NoError(t, os.Unsetenv("GOMAXPROCS"))
	before := runtime.GOMAXPROCS(0)
	undo := spareThreads(2)
	assert.Equal(t, before+2, runtime.GOMAXPROCS(0))
	undo()
	assert.Equal(t, before, runtime.GOMAXPROCS(0))
	spareThreads(0)()
	assert.Equal(t, before, runtime.GOMAXPROCS(0))

	t.Setenv("GOMAXPROCS", "1")
	defer spareThreads(2)()
	assert.Equal(t, before, runtime.GOMAXPROCS(0), "the user has decided")
}
