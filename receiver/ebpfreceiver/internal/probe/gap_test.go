//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEachCauseIsToldOnceForAllThatIsOff(t *testing.T) {
	require.NoError(t, Together(nil))
	said := errors.New("what the kernel said")
	assert.EqualError(t, Together([]Gap{
		{"process", "exec", NoHook, said, ""}, {"process", "exit", NoHook, said, ""}, {"cpu", "run_queue", Refused, said, ""}, {"dns", "lookups", NoHook, said, ""},
	}), "this kernel has no such hook (process: exec, exit; dns: lookups); what the kernel said (cpu: run_queue)")
	assert.ErrorContains(t, Gap{"dns", "lookups", Unsupported, said, "6.3"}, "dns: lookups is off: it takes Linux 6.3 or later, this is "+release())
	assert.EqualError(t, Gap{"dns", "lookups", Refused, said, "6.3"}, "dns: lookups is off: what the kernel said", "its age is not to blame")
}
