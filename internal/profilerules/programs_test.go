// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"regexp"
	"runtime"
	"runtime/debug"
	rpprof "runtime/pprof"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/pprof"
)

// cpuSpent is the CPU time of this process.
func cpuSpent(t *testing.T) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// decoded reads what the runtime wrote, of one sample type.
func decoded(t *testing.T, file []byte, name string) *model.Profile {
	t.Helper()
	data, err := pprof.Unpack(file, 64<<20)
	require.NoError(t, err)
	list, err := pprof.Decode(data)
	require.NoError(t, err)
	at := slices.IndexFunc(list, func(p model.Profile) bool { return p.Type.Name == name })
	require.GreaterOrEqual(t, at, 0)
	return &list[at]
}

// cpuOf profiles work, repeated until it took enough CPU time, however busy the host is.
func cpuOf(t *testing.T, work func()) *model.CallTree {
	t.Helper()
	if underRace {
		t.Skip("CPU profiles under the race detector show the detector")
	}
	var file bytes.Buffer
	before := cpuSpent(t)
	require.NoError(t, rpprof.StartCPUProfile(&file))
	for cpuSpent(t)-before < 350*time.Millisecond {
		work()
	}
	rpprof.StopCPUProfile()
	return treeOf(decoded(t, file.Bytes(), "cpu"))
}

func times(n int, work func()) func() {
	return func() {
		for range n {
			work()
		}
	}
}

type order struct {
	ID     int
	Name   string
	Prices map[string]float64
	Lines  []struct{ Article, Text string }
}

// Each rule is found in the profile of a real program that does what the rule is about.
func TestRealPrograms(t *testing.T) {
	text := bytes.Repeat([]byte("the quick brown fox "), 4096)
	copied := make([]byte, 8<<20)
	original := make([]byte, 8<<20)
	logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
	one := order{Name: "cup", Prices: map[string]float64{"eu": 1, "us": 2}, Lines: make([]struct{ Article, Text string }, 20)}
	message, err := structpb.NewStruct(map[string]any{"a": "b", "c": 1.5, "d": map[string]any{"e": "f"}})
	require.NoError(t, err)
	zero, err := os.Open("/dev/zero")
	require.NoError(t, err)
	defer zero.Close()
	var kept [1024][]*int
	for rule, work := range map[string]func(){
		"regexp-compile": func() { regexp.MustCompile(`^(\w+)@(\w+)\.com(/[a-z]{2,30})?$`) },
		"json-reflection": func() {
			_, err := json.Marshal(one)
			assert.NoError(t, err)
		},
		"text-formatting": times(100, func() { _ = fmt.Sprintf("%s %d %5.2f %v", "text", 17, 1.5, one.ID) }),
		"compression": func() {
			_, err := gzip.NewWriter(io.Discard).Write(text)
			assert.NoError(t, err)
		},
		"hashing": func() { sha256.Sum256(text) },
		"go-allocation": times(1000, func() {
			kept[one.ID%len(kept)] = make([]*int, 100)
			one.ID++
		}),
		"map-growth": func() {
			grown := map[int]int{}
			for i := range 100_000 {
				grown[i] = i
			}
		},
		"clock":       times(1000, func() { _ = time.Now() }),
		"memory-copy": func() { copy(copied, original) },
		"logging":     times(100, func() { logger.Info("order received", "id", 17, "name", "cup") }),
		"exceptions":  func() { debug.Stack() },
		"protobuf": times(20, func() {
			_, err := proto.Marshal(message)
			assert.NoError(t, err)
		}),
		"system-calls": times(100, func() {
			_, err := zero.ReadAt(copied[:1], 0)
			assert.NoError(t, err)
		}),
		"tls-handshake": handshakes(t),
	} {
		t.Run(rule, func(t *testing.T) {
			tree := cpuOf(t, work)
			list := Find(tree, nil)
			at := slices.IndexFunc(list, func(b Bottleneck) bool { return b.Rule.ID == rule })
			require.GreaterOrEqual(t, at, 0, "found only %v", found(tree))
			b := list[at]
			assert.LessOrEqual(t, b.Value, tree.Total())
			assert.Greater(t, b.Share, b.Rule.Threshold)
			require.NotEmpty(t, b.Functions)
			var sum int64
			for _, f := range b.Functions {
				sum += f.Value
			}
			assert.LessOrEqual(t, sum, b.Value, "a stack counts once")
		})
	}
	runtime.KeepAlive(kept)
}

// handshakes opens a connection with TLS and closes it.
func handshakes(t *testing.T) func() {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"localhost"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	certificate, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	roots := x509.NewCertPool()
	roots.AddCert(certificate)
	server := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	return func() {
		client, accepted := net.Pipe()
		var other sync.WaitGroup
		other.Go(func() { _ = tls.Server(accepted, server).HandshakeContext(context.Background()) })
		assert.NoError(t, tls.Client(client, &tls.Config{RootCAs: roots, ServerName: "localhost"}).HandshakeContext(t.Context()))
		other.Wait()
		assert.NoError(t, client.Close())
		assert.NoError(t, accepted.Close())
	}
}

// A program that computes and does nothing that a rule is about gets no advice.
func TestHealthyProgram(t *testing.T) {
	numbers := make([]int, 1<<14)
	tree := cpuOf(t, func() {
		for i := range numbers {
			numbers[i] = i * 7919 % 10007
		}
		slices.Sort(numbers)
	})
	assert.Empty(t, Find(tree, nil))
}

// Goroutines that hold a lock while they work make each other wait.
func TestContendedMutex(t *testing.T) {
	t.Cleanup(func() { runtime.SetMutexProfileFraction(0) })
	runtime.SetMutexProfileFraction(1)
	start := time.Now()
	contend(t, 100*time.Millisecond)
	var file bytes.Buffer
	require.NoError(t, rpprof.Lookup("mutex").WriteTo(&file, 0))
	p := decoded(t, file.Bytes(), "delay")
	assert.Empty(t, Find(treeOf(p), nil), "how much of the time that is is not known")
	assert.Contains(t, Warnings(treeOf(p), 0, 0)[0], "no duration")
	p.Duration = time.Since(start)
	list := Find(treeOf(p), nil)
	require.Len(t, list, 1)
	assert.Equal(t, "lock-wait", list[0].Rule.ID)
	assert.Contains(t, list[0].Callers[0].Name, "contend")
	p.Duration *= 1000 // the same waiting in a longer time
	assert.Empty(t, Find(treeOf(p), nil))
}

func contend(t *testing.T, enough time.Duration) {
	var lock sync.Mutex
	var all sync.WaitGroup
	end := cpuSpent(t) + enough
	for range 4 {
		all.Go(func() {
			for more := true; more; {
				lock.Lock()
				runtime.Gosched()
				more = cpuSpent(t) < end
				lock.Unlock()
			}
		})
	}
	all.Wait()
}
