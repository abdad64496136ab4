// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux

package ebpfreceiver

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/receiver/receivertest"
	"golang.org/x/sys/unix"

	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/metadata"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/probe"
)

// watching attaches these probes; anyone who calls starts and stops.
func watching(t testing.TB, config *Config, probes ...probe.Probe) *watch {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it puts programs into the kernel")
	}
	set := receivertest.NewNopSettings(metadata.Type)
	to, err := newSink(set, config)
	require.NoError(t, err)
	to.logs, to.metrics, to.traces = consumertest.NewNop(), consumertest.NewNop(), consumertest.NewNop()
	w, gaps, err := newWatch(config, probes, set, to)
	require.NoError(t, err)
	for _, gap := range gaps {
		// Whether the environment of other programs may be read is up to this machine.
		require.Equal(t, "environment", gap.Feature, "%v", gap)
	}
	return w
}

// probesOf makes the probes that the configuration switches on.
func probesOf(config *Config) []probe.Probe {
	return probe.New(&config.Probes, receivertest.NewNopSettings(metadata.Type))
}

func provoke(n int) {
	for range n {
		unix.Getppid()
	}
}

// What was sent was read, and what was not sent was counted as lost: exactly,
// also when the ring is full for most of the time.
func TestEveryRecordIsReadOrCountedAsLost(t *testing.T) {
	config := createDefaultConfig().(*Config)
	config.RingBufferSize = minRing
	w := watching(t, config, probe.NewForTests())
	const produced = 10000
	provoke(produced)
	w.start()
	require.NoError(t, func() error { close(w.quit); <-w.done; return nil }())
	account, err := w.kernel.Account(kernel.NumberTest)
	require.NoError(t, err)
	received := w.received[kernel.NumberTest].Load()
	assert.Equal(t, uint64(produced), received+account.Lost)
	assert.Equal(t, account.Sent, received)
	assert.Positive(t, account.Lost, "64 KiB do not hold 10,000 records, so this test has not tried a full ring")
	assert.Positive(t, received)
	assert.Zero(t, w.undecoded[kernel.NumberTest].Load())
	require.NoError(t, w.close())
}

// BenchmarkEvents provokes half a million records a second for five seconds and
// decodes all to log records.
func BenchmarkEvents(b *testing.B) {
	const perSecond, seconds = 500_000, 5
	for b.Loop() {
		w := watching(b, createDefaultConfig().(*Config), probe.NewForTests())
		w.start()
		began := time.Now()
		used := processTime()
		for tick := range seconds * 1000 {
			provoke(perSecond / 1000)
			for time.Since(began) < time.Duration(tick+1)*time.Millisecond {
				runtime.Gosched()
			}
		}
		took := time.Since(began)
		close(w.quit)
		<-w.done
		account, err := w.kernel.Account(kernel.NumberTest)
		require.NoError(b, err)
		received := w.received[kernel.NumberTest].Load()
		require.Equal(b, uint64(perSecond*seconds), received+account.Lost, "produced = received + lost")
		b.ReportMetric(float64(received)/took.Seconds(), "received/s")
		b.ReportMetric(float64(account.Lost), "lost")
		b.ReportMetric((processTime()-used).Seconds()/took.Seconds(), "cores")
		require.NoError(b, w.close())
	}
}

// BenchmarkReader reads the same stream, as fast as it can be made.
func BenchmarkReader(b *testing.B) {
	w := watching(b, createDefaultConfig().(*Config), probe.NewForTests())
	defer func() { require.NoError(b, w.close()) }()
	n := 0
	for b.Loop() {
		b.StopTimer()
		provoke(50_000)
		b.StartTimer()
		n += w.reader.Drain(func([]byte) bool { return true })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
}

// BenchmarkReaderPlaces reads records that a thread on one CPU made from a thread on the
// same CPU, on another one, and where the kernel lets both run.
func BenchmarkReaderPlaces(b *testing.B) {
	for _, place := range []struct {
		name           string
		writer, reader int // the CPUs; anywhere: not bound
	}{{"unbound", anywhere, anywhere}, {"same-cpu", 0, 0}, {"other-cpu", 0, 1}} {
		b.Run(place.name, func(b *testing.B) {
			if place.reader >= runtime.NumCPU() {
				b.Skip("needs a second CPU")
			}
			w := watching(b, createDefaultConfig().(*Config), probe.NewForTests())
			defer func() { require.NoError(b, w.close()) }()
			wanted, made := make(chan struct{}), make(chan struct{})
			defer close(wanted)
			go func() {
				defer close(made)
				bindThread(place.writer)
				for range wanted {
					provoke(50_000)
					made <- struct{}{}
				}
			}()
			bindThread(place.reader)
			n := 0
			for b.Loop() {
				b.StopTimer()
				wanted <- struct{}{}
				<-made
				b.StartTimer()
				n += w.reader.Drain(func([]byte) bool { return true })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
		})
	}
}

// anywhere is no CPU in particular.
const anywhere = -1

// bindThread keeps the goroutine's thread on a CPU. The thread ends with the goroutine,
// so that no other one inherits it.
func bindThread(cpu int) {
	if cpu == anywhere {
		return
	}
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		panic(err)
	}
}

// BenchmarkDecode makes log records of what was read.
func BenchmarkDecode(b *testing.B) {
	w := watching(b, createDefaultConfig().(*Config), probe.NewForTests())
	defer func() { require.NoError(b, w.close()) }()
	n := 0
	for b.Loop() {
		b.StopTimer()
		provoke(50_000)
		before := w.received[kernel.NumberTest].Load()
		b.StartTimer()
		w.drain()
		n += int(w.received[kernel.NumberTest].Load() - before)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
}

// BenchmarkSyscall compares a call that is counted with one that is not, and
// with what no program at both ends of a call can go below: empty ones, and
// ones that read the clock. The rounds alternate, and the median counts, for the
// machine itself is not always equally fast.
func BenchmarkSyscall(b *testing.B) {
	counted := createDefaultConfig().(*Config)
	counted.Probes = probe.Config{Syscall: counted.Probes.Syscall}
	kinds := []struct {
		name   string
		probes func() []probe.Probe
	}{
		{"bare", nil},
		{"empty", func() []probe.Probe { return []probe.Probe{probe.NewFloor(false)} }},
		{"clocked", func() []probe.Probe { return []probe.Probe{probe.NewFloor(true)} }},
		{"counted", func() []probe.Probe { return probesOf(counted) }},
	}
	const rounds, calls = 15, 200_000
	for b.Loop() {
		took := make([][]float64, len(kinds))
		for range rounds {
			for i, kind := range kinds {
				took[i] = append(took[i], perCall(b, calls, kind.probes))
			}
		}
		bare := median(took[0])
		b.ReportMetric(bare, "bare-ns")
		for i, kind := range kinds[1:] {
			b.ReportMetric(median(took[i+1])-bare, "added-ns-"+kind.name)
		}
	}
}

func perCall(b *testing.B, calls int, probes func() []probe.Probe) (ns float64) {
	b.Helper()
	if probes != nil {
		w := watching(b, createDefaultConfig().(*Config), probes()...)
		defer func() { require.NoError(b, w.close()) }()
	}
	provoke(calls / 10)
	began := time.Now()
	provoke(calls)
	return float64(time.Since(began).Nanoseconds()) / float64(calls)
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

func names(probes []probe.Probe) []string {
	list := make([]string, len(probes))
	for i, p := range probes {
		list[i] = p.Name()
	}
	return list
}

// processTime is what this process has used, without the programs it started.
func processTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func resident(b *testing.B) float64 {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	require.NoError(b, err)
	return kilobytes / 1024
}
