// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/pdata/pprofile/pprofileotlp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/resource"
)

// A service sends what it would cost, in whole ticks; nothing gets lost between two profiles.
func TestProfilesOfAService(t *testing.T) {
	var p cpuProfile
	for range 50 {
		p.request(handlerName(inventory, "POST /reservations"))
	}
	p.spend("a;b", 14*time.Millisecond)
	ticks := p.take()
	assert.EqualValues(t, 1, ticks["a;b"])
	assert.EqualValues(t, 14, ticks["net/http.(*conn).serve;inventory.(*Server).reservations"])
	p.spend("a;b", 6*time.Millisecond)
	assert.Equal(t, map[string]int64{"a;b": 1}, p.take())
	assert.Empty(t, p.take())

	var got pprofileotlp.ExportRequest
	taken := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !taken || r.URL.Path != "/v1development/profiles" || r.Header.Get("X-Tenant") != "demo 1" {
			http.NotFound(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		assert.NoError(t, err)
		got = pprofileotlp.NewExportRequest()
		assert.NoError(t, got.UnmarshalProto(body))
	}))
	defer server.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=demo%201")
	s := &service{settings: settings{Service: inventory, OTLP: server.URL + "/"}}
	of := resource.NewSchemaless(attribute.String("service.name", inventory))
	client := profileClient()
	defer client.CloseIdleConnections()
	require.NoError(t, s.sendProfile(t.Context(), client, of, time.Now(), ticks))
	profiles := got.Profiles()
	profile := profiles.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().At(0)
	assert.Equal(t, len(ticks), profile.Samples().Len())
	var sum int64
	for _, sample := range profile.Samples().All() {
		sum += sample.Values().At(0)
	}
	var want int64
	for _, n := range ticks {
		want += n * int64(profileTick)
	}
	assert.Equal(t, want, sum)
	taken = false
	require.ErrorIs(t, s.sendProfile(t.Context(), client, of, time.Now(), ticks), errNoProfiles)
}
