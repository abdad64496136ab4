//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// casesFolder holds cases from public bug reports, beside the checkout; each has a
// run.sh that ends with 0 where the collector behaves.
const casesFolder = "../../../shared/cases"

// caseLimit bounds one case, with the start of its collector.
const caseLimit = 5 * time.Minute

// TestSharedCases runs each case against a collector of its own in a network
// namespace, with the shipped configuration or, for those in event time, with the
// one that comes with the cases.
func TestSharedCases(t *testing.T) {
	folder, err := filepath.Abs(casesFolder)
	require.NoError(t, err)
	runs, err := filepath.Glob(filepath.Join(folder, "*", "run.sh"))
	require.NoError(t, err)
	switch {
	case len(runs) == 0:
		t.Skip("no cases beside this checkout: nothing in ../shared/cases")
	case os.Getuid() != 0:
		t.Skip("not root: each case needs a network namespace of its own")
	}
	for _, run := range runs {
		name := filepath.Base(filepath.Dir(run))
		t.Run(name, func(t *testing.T) {
			if !kernelCase(name) { // a busy host loses kernel events, which the cases do not expect
				t.Parallel()
			}
			runCase(t, folder, run, eventTimeCase(name))
		})
	}
}

// eventTimeCase reports whether the case feeds a collector without anything else
// in it.
func eventTimeCase(name string) bool { return isNumbered(name, "07", "22", "27", "38") }

// kernelCase reports whether the case is about what the eBPF receiver sees.
func kernelCase(name string) bool { return isNumbered(name, "15", "16", "17") }

func isNumbered(name string, numbers ...string) bool {
	number, _, _ := strings.Cut(name, "-")
	return slices.Contains(numbers, number)
}

func runCase(t *testing.T, folder, run string, eventTime bool) {
	t.Helper()
	binary := func(name string) string {
		path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
		require.NoError(t, err)
		return path
	}
	config, err := filepath.Abs("../../distribution/config/tapio.yaml")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), caseLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(folder, "fresh.sh"), run)
	cmd.WaitDelay = 10 * time.Second
	cmd.Env = append(os.Environ(), "TAPIO="+binary("tapio"), "TAPIOCTL="+binary("tapioctl"), "PYTHONDONTWRITEBYTECODE=1")
	if !eventTime {
		cmd.Env = append(cmd.Env, "CFG="+config)
	}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
