// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestIngestQuery(t *testing.T) {
	values, err := url.ParseQuery(`name=shop.checkout.cpu{region=eu,host="a"}&from=1764410400&until=1764410410000&spyName=gospy&units=samples`)
	require.NoError(t, err)
	got, err := ingestQuery(values)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"service.name": "shop.checkout", "region": "eu", "host": "a", "telemetry.sdk.name": "gospy"}, got.Labels)
	assert.Equal(t, tapiov1.ProfileFormat_PROFILE_FORMAT_FOLDED, got.Format)
	assert.Equal(t, "samples", got.SampleType)
	assert.EqualValues(t, 1764410400, got.StartTime.Seconds)
	assert.Equal(t, 10*time.Second, got.Duration.AsDuration())
}

func TestIngestTypes(t *testing.T) {
	for name, want := range map[string][3]string{ // service, type, unit
		"name=shop":                                       {"shop", "samples", "count"},
		"name=shop.cpu":                                   {"shop", "samples", "count"},
		"name=shop.alloc_space&units=bytes":               {"shop", "alloc_space", "bytes"},
		"name=shop.inuse_objects&units=objects":           {"shop", "inuse_objects", "count"},
		"name=shop.mutex_duration&units=lock_nanoseconds": {"shop", "mutex_duration", "nanoseconds"},
		"name=shop.frontend":                              {"shop.frontend", "samples", "count"},
		"name=shop.cpu{}":                                 {"shop", "samples", "count"},
	} {
		values, err := url.ParseQuery(name)
		require.NoError(t, err)
		got, err := ingestQuery(values)
		require.NoError(t, err, name)
		assert.Equal(t, want, [3]string{got.Labels["service.name"], got.SampleType, got.SampleUnit}, name)
	}
}

func TestBadIngestQueries(t *testing.T) {
	for query, want := range map[string]string{
		"":                          "name: must name the service",
		"name=shop{a=b":             "name: lacks the closing brace",
		"name=shop{a}":              "name: \"a\" is no label",
		"name=shop&format=jfr":      `format: must be pprof or folded, is "jfr"`,
		"name=shop&from=now":        `from: must be a Unix time, is "now"`,
		"name=shop&from=1&until=-1": `until: must be a Unix time, is "-1"`,
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		_, err = ingestQuery(values)
		require.ErrorContains(t, err, want, query)
	}
}

func TestUploadQuery(t *testing.T) {
	values, err := url.ParseQuery("service=shop&service.version=1.2&format=folded&sample_type=wall&sample_unit=count&start_time=2026-11-29T10:00:00Z&duration=30s")
	require.NoError(t, err)
	got, err := uploadQuery(values)
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"service": "shop", "service.version": "1.2"}, got.Labels)
	assert.Equal(t, "wall", got.SampleType)
	assert.Equal(t, 30*time.Second, got.Duration.AsDuration())
	for query, want := range map[string]string{
		"format=jfr":    "format: must be pprof or folded",
		"start_time=10": "start_time: must be a time",
		"duration=30":   "duration: must be a number with a unit",
	} {
		values, err := url.ParseQuery(query)
		require.NoError(t, err)
		_, err = uploadQuery(values)
		require.ErrorContains(t, err, want, query)
	}
}
