// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build linux && (amd64 || arm64)

package ebpfreceiver

import (
	"net/http"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/profile"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/protocol"
)

// Samples of OpenTelemetry's profiler are linked to the request that their thread serves,
// those between requests to none. The function that serves is in the linked ones.
func TestOpenTelemetrysSamplesAreLinkedToTheRequest(t *testing.T) {
	if !permitted(t) {
		return
	}
	needs(t, "python3")
	python, err := exec.LookPath("python3")
	require.NoError(t, err)
	config, set := otelProfiled(profile.CPUProfilerAuto, 97)
	config.Probes.HTTP = protocol.DefaultHTTPConfig()
	sink, spans := started(t, config, set.Settings)
	set.waits(t)
	port := freePort(t)
	pid := running(t, python, "-c", burnsAndSleeps, strconv.Itoa(port))
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	url := "http://127.0.0.1:" + strconv.Itoa(port)
	require.Eventually(t, func() bool { return asks(client, url) }, 20*time.Second, 20*time.Millisecond)
	for range 10 {
		require.True(t, asks(client, url))
	}
	require.EventuallyWithT(t, func(t *assert.CollectT) {
		served := map[spanID]bool{}
		spans.eachSpan(func(resource pcommon.Resource, span ptrace.Span) {
			of, _ := resource.Attributes().Get("process.pid")
			if of.Int() == int64(pid) && span.Kind() == ptrace.SpanKindServer {
				served[spanID{span.TraceID(), span.SpanID()}] = true
			}
		})
		var linked, handling, between, free int64
		for _, p := range profilesOf(sink, pid, "cpu") {
			for _, sample := range p.Samples {
				if sample.SpanID == (model.SpanID{}) {
					free += sample.Values[0]
					continue
				}
				linked += sample.Values[0]
				assert.True(t, served[spanID{pcommon.TraceID(sample.TraceID), pcommon.SpanID(sample.SpanID)}], "no span of the server is %x", sample.SpanID)
				if runs(&p, sample.Stack, "Handler.do_GET", "do_GET") {
					handling += sample.Values[0]
				}
				if runs(&p, sample.Stack, "Server.service_actions", "service_actions") {
					between += sample.Values[0]
				}
			}
		}
		const requests = int64(11)
		assert.Greater(t, linked, requests*int64(20*time.Millisecond))
		assert.Greater(t, 2*handling, linked)
		assert.Zero(t, between, "what is done between requests belongs to none")
		assert.Positive(t, free)
	}, 30*time.Second, 200*time.Millisecond)
}

// runs reports whether any one of the functions is in a stack.
func runs(p *model.Profile, stack uint32, functions ...string) bool {
	return slices.ContainsFunc(p.Dictionary.Stacks[stack], func(at uint32) bool {
		return slices.Contains(functions, p.Dictionary.Frames[at].Function)
	})
}

func asks(client *http.Client, url string) bool {
	response, err := client.Get(url)
	if err == nil {
		_ = response.Body.Close()
	}
	return err == nil
}
