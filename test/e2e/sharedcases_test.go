//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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

// kernelTries is how often a case about the kernel may run before it has failed. These
// cases find the spans of one of their 50 connections by the client's port, which the
// kernel picks at random: now and then two connections of a run have the same, or one has
// the port of another's server, and each is given the spans of both.
const kernelTries = 3

// manyPorts makes that rarer: one run in three or four has such a pair with the usual range.
const manyPorts = `echo 1024 65535 > /proc/sys/net/ipv4/ip_local_port_range; exec "$0"`

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
			tries := 1
			if kernelCase(name) {
				tries = kernelTries
			}
			runCase(t, folder, run, eventTimeCase(name), tries)
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

func runCase(t *testing.T, folder, run string, eventTime bool, tries int) {
	t.Helper()
	binary := func(name string) string {
		path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
		require.NoError(t, err)
		return path
	}
	env := append(os.Environ(), "TAPIO="+binary("tapio"), "TAPIOCTL="+binary("tapioctl"), "PYTHONDONTWRITEBYTECODE=1")
	if !eventTime {
		config, err := filepath.Abs("../../distribution/config/tapio.yaml")
		require.NoError(t, err)
		env = append(env, "CFG="+config)
	}
	for ; ; tries-- {
		out, err := tryCase(t.Context(), folder, run, env)
		if err == nil {
			return
		}
		// The checks that hold are left out: the others are to be seen in a log that is cut.
		failed := regexp.MustCompile(`(?m)^ok .*\n`).ReplaceAllString(string(out), "")
		if tries == 1 {
			require.NoError(t, err, "%s", failed)
		}
		t.Logf("it is run again: %v\n%s", err, failed)
	}
}

func tryCase(ctx context.Context, folder, run string, env []string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, caseLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(folder, "fresh.sh"), "sh", "-c", manyPorts, run)
	cmd.WaitDelay, cmd.Env = 10*time.Second, env
	return cmd.CombinedOutput()
}
