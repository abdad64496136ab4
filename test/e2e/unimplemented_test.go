// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// What this server has no engine for says so in a sentence, and is missing from
// the list of what it can do.
func TestUnimplementedMethodsSaySo(t *testing.T) {
	t.Parallel()
	client := apiOf(t, Start(t, standard))
	info, err := client.events.GetServiceInfo(bounded(t), &tapiov1.GetServiceInfoRequest{})
	require.NoError(t, err)
	for method, call := range map[string]func(context.Context) error{
		"ObservabilityService/GetProfiles": func(ctx context.Context) error {
			_, err := client.GetProfiles(ctx, &tapiov1.GetProfilesRequest{})
			return err
		},
		"ObservabilityService/AnalyzeProfile": func(ctx context.Context) error {
			_, err := client.AnalyzeProfile(ctx, &tapiov1.AnalyzeProfileRequest{})
			return err
		},
	} {
		t.Run(method, func(t *testing.T) {
			err := call(bounded(t))
			require.Equal(t, codes.Unimplemented, status.Code(err), "%v", err)
			require.Greater(t, len(status.Convert(err).Message()), 20, "a sentence: %v", err)
			require.NotContains(t, info.ImplementedMethods, "tapio.v1."+method)
		})
	}
}
