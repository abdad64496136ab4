// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer/consumererror"
	"go.opentelemetry.io/collector/exporter/exportertest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pprofile"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/exporter/tapioexporter/internal/metadata"
	"github.com/tapio/tapio/internal/model"
)

// oneSample is a profile with one sample, without a stack.
func oneSample() pprofile.Profiles {
	profiles := pprofile.NewProfiles()
	profile := profiles.ResourceProfiles().AppendEmpty().ScopeProfiles().AppendEmpty().Profiles().AppendEmpty()
	profile.Samples().AppendEmpty().Values().Append(1)
	return profiles
}

// What is wrong with a profile is returned and counted, and the rest of it is stored.
func TestFaultyProfiles(t *testing.T) {
	exporter, err := NewFactory().CreateProfiles(t.Context(), exportertest.NewNopSettings(metadata.Type), createDefaultConfig())
	require.NoError(t, err)
	o := newOwner()
	require.NoError(t, exporter.Start(t.Context(), host{component.MustNewID("tapio"): o}))
	profiles := oneSample()
	samples := profiles.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().At(0).Samples()
	bad := samples.AppendEmpty()
	bad.SetStackIndex(7)
	bad.Values().Append(1)
	err = exporter.ConsumeProfiles(t.Context(), profiles)
	require.ErrorContains(t, err, "1 samples of profiles were not stored (invalid_reference: 1); the others are stored")
	assert.True(t, consumererror.IsPermanent(err))
	assert.Equal(t, codes.InvalidArgument, status.Code(err))
	stats := o.store.Stats()[3]
	assert.EqualValues(t, 1, stats.Rows)
	assert.EqualValues(t, 1, stats.Refused[model.ProfileDangling])
	require.NoError(t, exporter.Shutdown(t.Context()))
}

// A profile without a time has just ended, and one of a wrong clock is moved there.
func TestTimesOfProfiles(t *testing.T) {
	exporter, err := NewFactory().CreateProfiles(t.Context(), exportertest.NewNopSettings(metadata.Type), createDefaultConfig())
	require.NoError(t, err)
	o := newOwner()
	require.NoError(t, exporter.Start(t.Context(), host{component.MustNewID("tapio"): o}))
	begun := time.Now()
	for _, at := range []time.Time{{}, time.Unix(1000, 0), begun.Add(1000 * time.Hour)} {
		profiles := oneSample()
		profile := profiles.ResourceProfiles().At(0).ScopeProfiles().At(0).Profiles().At(0)
		if !at.IsZero() {
			profile.SetTime(pcommon.NewTimestampFromTime(at))
			profile.Samples().At(0).TimestampsUnixNano().Append(uint64(at.Add(time.Second).UnixNano()))
		}
		profile.SetDurationNano(uint64(time.Minute))
		require.NoError(t, exporter.ConsumeProfiles(t.Context(), profiles))
	}
	stats := o.store.Stats()[3]
	assert.WithinRange(t, time.Unix(0, int64(stats.Oldest)), begun.Add(-time.Minute), time.Now())
	assert.WithinRange(t, time.Unix(0, int64(stats.Newest)), begun.Add(-time.Minute), time.Now())
	require.NoError(t, exporter.Shutdown(t.Context()))
}
