// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestACollectorBelongsToWhoRegisteredIt(t *testing.T) {
	r := newRegistry(10)
	c := &tapiov1.Collector{CollectorId: "a"}
	set := &tapiov1.UpdateConfigRequest{CollectorId: "a", Content: "token: secret"}
	_, err := r.As("alice", false).Register(c, GRPC, 0)
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		by                       Caller
		renews, configures, ends codes.Code
	}{
		"another subject":          {r.As("bob", false), codes.PermissionDenied, codes.PermissionDenied, codes.PermissionDenied},
		"no subject":               {r.As("", false), codes.PermissionDenied, codes.PermissionDenied, codes.PermissionDenied},
		"an administrator":         {r.As("root", true), codes.PermissionDenied, codes.OK, codes.OK},
		"an unknown administrator": {r.As("", true), codes.PermissionDenied, codes.OK, codes.OK},
		"the owner":                {r.As("alice", false), codes.OK, codes.OK, codes.OK},
	} {
		_, err := r.As("alice", false).Register(c, GRPC, 0)
		require.NoError(t, err)
		_, err = tc.by.Register(c, GRPC, 0)
		assert.Equal(t, tc.renews, status.Code(err), name)
		assert.Equal(t, tc.renews, status.Code(tc.by.Beat("a", nil, nil)), name)
		_, err = tc.by.Configure(set)
		assert.Equal(t, tc.configures, status.Code(err), name)
		_, _, err = tc.by.Config("a")
		assert.Equal(t, tc.configures, status.Code(err), name)
		_, err = tc.by.Unregister("a")
		assert.Equal(t, tc.ends, status.Code(err), name)
	}
	_, err = r.As("bob", false).Unregister("b")
	assert.Equal(t, codes.NotFound, status.Code(err))
}

func TestACollectorOfNoOneMayBeClaimed(t *testing.T) {
	r := newRegistry(10)
	c := &tapiov1.Collector{CollectorId: "a"}
	_, err := r.As("", false).Register(c, GRPC, 0)
	require.NoError(t, err)
	require.NoError(t, r.As("bob", false).Beat("a", nil, nil))
	_, err = r.As("alice", false).Register(c, GRPC, 0)
	require.NoError(t, err)
	assert.Equal(t, codes.PermissionDenied, status.Code(r.As("bob", false).Beat("a", nil, nil)))
	configured, err := r.As("alice", false).Unregister("a")
	require.NoError(t, err)
	assert.False(t, configured)
}
