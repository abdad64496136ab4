// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
	"github.com/tapio/tapio/test/running"
)

// objectServer starts versitygw, an S3-compatible server of its own, with the bucket
// "telemetry", and returns its address.
func objectServer(t *testing.T) *url.URL {
	t.Helper()
	binary, err := filepath.Abs("../../bin/versitygw")
	require.NoError(t, err)
	if _, err := os.Stat(binary); errors.Is(err, os.ErrNotExist) {
		t.Skip("bin/versitygw does not exist: run make bin/versitygw")
	}
	data, attributes := t.TempDir(), t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(data, "telemetry"), 0o700))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	require.NoError(t, free.Close())
	server := background(t, running.Command{
		Args:  []string{binary, "--access", "key", "--secret", "secret", "--port", address, "--quiet", "posix", "--sidecar", attributes, data},
		Adapt: func(cmd *exec.Cmd) { cmd.Stderr, cmd.Dir = os.Stderr, t.TempDir() },
	})
	t.Cleanup(server.Kill)
	eventually(t, startLimit, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}, "the object server listens")
	return &url.URL{Scheme: "http", Host: address}
}

// faultyPath passes requests on to a server. While it is broken, of six requests one is
// answered with 503, one comes late, and of one the answer is cut.
type faultyPath struct {
	to       *httputil.ReverseProxy
	broken   atomic.Bool
	requests atomic.Int64
	refused  atomic.Int64
	late     atomic.Int64
	cut      atomic.Int64
}

// lateness is how late late requests come.
const lateness = 700 * time.Millisecond

// ServeHTTP implements http.Handler.
func (p *faultyPath) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := int64(-1)
	if p.broken.Load() {
		fault = p.requests.Add(1) % 6
	}
	switch fault {
	case 1:
		p.refused.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
	case 3:
		p.late.Add(1)
		select {
		case <-time.After(lateness):
			p.to.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	case 5:
		p.cut.Add(1)
		p.to.ServeHTTP(&cutAnswer{ResponseWriter: w}, r)
		panic(http.ErrAbortHandler) // ends the connection
	default:
		p.to.ServeHTTP(w, r)
	}
}

// cutAnswer lets the first half of each part of an answer through.
type cutAnswer struct{ http.ResponseWriter }

// Write implements http.ResponseWriter.
func (c *cutAnswer) Write(p []byte) (int, error) {
	if _, err := c.ResponseWriter.Write(p[:len(p)/2]); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Archive and restore over a path with faults, on a server that checks signatures and
// checksums itself.
func TestArchiveOnAnS3Server(t *testing.T) {
	t.Parallel()
	server := objectServer(t)
	path := &faultyPath{to: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(server)
		r.Out.Host = r.In.Host // which is signed
	}}}
	path.broken.Store(true)
	front := httptest.NewServer(path)
	t.Cleanup(front.Close)

	c := Start(t, withProfiles, archiveTo(front.URL, "true")...)
	client := apiOf(t, c)
	for i := range 4 {
		sendGRPC(t, c, lines("shop", 50*i, 50*i+50, ""))
	}
	_, err := client.UploadProfile(bounded(t), &tapiov1.UploadProfileRequest{
		Data: []byte("main;work 30"), Format: tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED, Labels: map[string]string{"service": "shop"},
	})
	require.NoError(t, err)
	got, err := client.GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Services: []string{"shop"}, Limit: 300}})
	require.NoError(t, err)
	require.Len(t, got.GetLogs(), 200)

	restored := Start(t, withProfiles, archiveTo(front.URL, "false")...)
	eventually(t, startLimit, func() bool {
		listed := string(tapioctl(t, restored, "archive", "list", "--service", "shop", "-o", "json"))
		return strings.Contains(listed, `"profiles"`) && strings.Contains(listed, `"logs"`)
	}, "both signals are archived")
	eventually(t, startLimit, func() bool {
		return strings.Contains(string(tapioctl(t, restored, "archive", "restore", "--service", "shop")), "restored")
	}, "the records are restored")
	again, err := apiOf(t, restored).GetLogs(bounded(t), &tapiov1.GetLogsRequest{Filter: &tapiov1.Filter{Services: []string{"shop"}, Limit: 300}})
	require.NoError(t, err)
	require.ElementsMatch(t, numbers(got.GetLogs()), numbers(again.GetLogs()))
	profile, err := apiOf(t, restored).AnalyzeProfile(bounded(t), &tapiov1.AnalyzeProfileRequest{SampleType: "samples"})
	require.NoError(t, err)
	require.InDelta(t, 30, profile.GetTotalValue(), 0)
	for name, count := range map[string]*atomic.Int64{"refused": &path.refused, "late": &path.late, "cut": &path.cut} {
		require.Positive(t, count.Load(), "no request was %s", name)
	}
}
