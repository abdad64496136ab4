//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEachCauseIsReportedOnceForAllThatIsOff(t *testing.T) {
	require.NoError(t, Together(nil))
	said := errors.New("what the kernel said")
	assert.EqualError(t, Together([]Gap{
		{Probe: "process", Feature: "exec", Reason: NoHook, Err: said}, {Probe: "process", Feature: "exit", Reason: NoHook, Err: said}, {Probe: "cpu", Feature: "run_queue", Reason: Refused, Err: said}, {Probe: "dns", Feature: "lookups", Reason: NoHook, Err: said},
	}), "this kernel has no such hook (process: exec, exit; dns: lookups); what the kernel said (cpu: run_queue)")
	assert.ErrorContains(t, Gap{Probe: "dns", Feature: "lookups", Reason: Unsupported, Err: said, Since: "6.3"}, "dns: lookups is off: it takes Linux 6.3 or later, this is "+release())
	assert.EqualError(t, Gap{Probe: "dns", Feature: "lookups", Reason: Refused, Err: said, Since: "6.3"}, "dns: lookups is off: what the kernel said", "its age is not to blame")
}

func TestEnvironmentsThatMayNotBeRead(t *testing.T) {
	gaps := Environments(3)
	assert.Len(t, gaps, 1)
	assert.EqualError(t, gaps[0], "process: environment is limited: not permitted, this process lacks CAP_SYS_PTRACE: of 3 processes that were there before, OTEL_SERVICE_NAME is not known")
	assert.NoError(t, Together(gaps), "the receiver does what it is for")
	assert.Empty(t, Environments(0))
}
