// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/receiver/receivertest"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// seen is a receiver on this machine's kernel, and what it has delivered.
type seen struct {
	logs    *consumertest.LogsSink
	metrics *consumertest.MetricsSink
	traces  *consumertest.TracesSink
}

// onThisKernel runs the receiver until the test ends.
func onThisKernel(t *testing.T, adapt func(*Config)) *seen {
	t.Helper()
	return onThisKernelWith(t, componenttest.NewNopHost(), adapt)
}

func onThisKernelWith(t *testing.T, host component.Host, adapt func(*Config)) *seen {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it puts programs into the kernel")
	}
	config := createDefaultConfig().(*Config)
	config.CollectionInterval = 200 * time.Millisecond
	config.ErrorMode = ErrorModePropagate
	config.Probes.Syscall.MaxPrograms, config.Probes.CPU.MaxPrograms = 1000, 1000 // whatever else runs on this machine
	adapt(config)
	require.NoError(t, confmap.Validate(config))
	factory, set := NewFactory(), receivertest.NewNopSettings(metadata.Type)
	s := &seen{logs: &consumertest.LogsSink{}, metrics: &consumertest.MetricsSink{}, traces: &consumertest.TracesSink{}}
	logs, err := factory.CreateLogs(context.Background(), set, config, s.logs)
	require.NoError(t, err)
	metrics, err := factory.CreateMetrics(context.Background(), set, config, s.metrics)
	require.NoError(t, err)
	traces, err := factory.CreateTraces(context.Background(), set, config, s.traces)
	require.NoError(t, err)
	assert.Same(t, logs, metrics, "one receiver serves all signals of an id")
	assert.Same(t, logs, traces)
	require.NoError(t, logs.Start(context.Background(), host))
	t.Cleanup(func() { require.NoError(t, logs.Shutdown(context.Background())) })
	return s
}

// event waits for the first event with that name that the function accepts.
func (s *seen) event(t *testing.T, name string, accept func(plog.LogRecord) bool) (found plog.LogRecord) {
	t.Helper()
	require.Eventually(t, func() bool {
		for _, logs := range s.logs.AllLogs() {
			for _, resource := range logs.ResourceLogs().All() {
				for _, scope := range resource.ScopeLogs().All() {
					for _, record := range scope.LogRecords().All() {
						if record.EventName() == name && accept(record) {
							found = record
							return true
						}
					}
				}
			}
		}
		return false
	}, 10*time.Second, 20*time.Millisecond, "no %s came", name)
	return found
}

// eachEvent calls the function for all that have come, with their resource.
func (s *seen) eachEvent(do func(resource map[string]any, record plog.LogRecord)) {
	for _, logs := range s.logs.AllLogs() {
		for _, resource := range logs.ResourceLogs().All() {
			for _, scope := range resource.ScopeLogs().All() {
				for _, record := range scope.LogRecords().All() {
					do(resource.Resource().Attributes().AsRaw(), record)
				}
			}
		}
	}
}

// onlyProcesses leaves out what others on this machine can flood.
func onlyProcesses(c *Config) {
	c.Probes = probe.Config{Process: probe.DefaultProcessConfig(), TCP: c.Probes.TCP, DNS: c.Probes.DNS}
	c.Probes.TCP.Enabled, c.Probes.DNS.Enabled = false, false
}

func ofPID(pid int) func(plog.LogRecord) bool {
	return func(record plog.LogRecord) bool {
		got, ok := record.Attributes().Get("process.pid")
		return ok && got.Int() == int64(pid)
	}
}

func TestExecAndExit(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	command := exec.Command("/bin/sh", "-c", "exit 7", "--password=hunter2", "--token", "abc")
	require.Error(t, command.Run())
	exec := s.event(t, "tapio.process.exec", ofPID(command.Process.Pid))
	assert.Equal(t, "exec /bin/sh -c exit 7 --password=*** --token ***", exec.Body().Str())
	began := exec.Attributes().AsRaw()
	assert.Equal(t, []any{"/bin/sh", "-c", "exit 7", "--password=***", "--token", "***"}, began["process.command_args"])
	assert.Equal(t, int64(os.Getpid()), began["process.parent_pid"])
	assert.Equal(t, "/usr/bin/dash", began["process.executable.path"], "links are resolved, as they are of a process that was there before")
	exit := s.event(t, "tapio.process.exit", ofPID(command.Process.Pid))
	assert.Equal(t, "exit dash: code 7", exit.Body().Str())
	ended := exit.Attributes().AsRaw()
	assert.Equal(t, int64(7), ended["process.exit.code"])
	assert.Equal(t, began["tapio.process.key"], ended["tapio.process.key"], "the key holds from exec to exit")
	assert.Positive(t, ended["tapio.process.duration"])
	names, ok := ended["tapio.process.ancestor_names"].([]any)
	require.True(t, ok)
	assert.True(t, strings.HasSuffix(names[0].(string), ".test"), "the nearest ancestor is this test, not %v", names[0])
}

func TestTheSeverityOfAnExit(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	for signal, severity := range map[string]plog.SeverityNumber{
		"SEGV": plog.SeverityNumberError, "ABRT": plog.SeverityNumberError, "BUS": plog.SeverityNumberError, "ILL": plog.SeverityNumberError,
		"FPE": plog.SeverityNumberError, "KILL": plog.SeverityNumberWarn, "TERM": plog.SeverityNumberInfo, "INT": plog.SeverityNumberInfo,
	} {
		command := exec.Command("/bin/sh", "-c", "kill -"+signal+" $$")
		require.Error(t, command.Run())
		assert.Equal(t, severity, s.event(t, "tapio.process.exit", ofPID(command.Process.Pid)).SeverityNumber(), signal)
	}
}

func TestSecretsOfACommandLineStayInTheReceiver(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	for _, args := range [][]string{
		{"curl", "-u", "user:hunter2", "-K", "-"},
		{"mysql", "-phunter2"},
		{"sh", "-c", "mysql --password hunter2"},
		{"openssl", "-passout", "pass:hunter2"},
		{"curl", "-H", "Cookie: a=hunter2"},
		{"redis-cli", "-a", "hunter2"},
	} {
		command := exec.Command("/bin/true")
		command.Args = args
		require.NoError(t, command.Run())
		event := s.event(t, "tapio.process.exec", ofPID(command.Process.Pid))
		assert.NotContains(t, event.Body().Str(), "hunter2")
		assert.NotContains(t, fmt.Sprint(event.Attributes().AsRaw()), "hunter2")
	}
}

// runc and busybox run themselves again by a name that stands for anyone who says it.
func TestAProgramThatRunsItselfAnewKeepsItsName(t *testing.T) {
	s := onThisKernel(t, onlyProcesses)
	command := exec.Command("/bin/bash", "-c", "exec /proc/self/exe -c 'exit 5'")
	require.Error(t, command.Run())
	began := s.event(t, "tapio.process.exec", func(record plog.LogRecord) bool {
		args, _ := record.Attributes().Get("process.command_args")
		return ofPID(command.Process.Pid)(record) && args.Slice().Len() > 0 && args.Slice().At(0).Str() == "/proc/self/exe"
	}).Attributes().AsRaw()
	assert.Equal(t, "bash", began["process.executable.name"])
	assert.Equal(t, "/usr/bin/bash", began["process.executable.path"])
}

func TestACommandLineIsCutAtTheLimit(t *testing.T) {
	s := onThisKernel(t, func(c *Config) {
		onlyProcesses(c)
		c.Probes.Process.ArgsLimit = 12
	})
	command := exec.Command("/bin/true", "a", "abcdefghijkl")
	require.NoError(t, command.Run())
	began := s.event(t, "tapio.process.exec", ofPID(command.Process.Pid)).Attributes().AsRaw()
	assert.Equal(t, []any{"/bin/true", "a"}, began["process.command_args"])
	assert.Equal(t, int64(len("/bin/true")+1+len("a")+1+len("abcdefghijkl")+1), began["tapio.process.args_size"])
}
