// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A live stream over a front goes on where it was when a member with a directory is killed and
// started again: nothing that it has delivered comes again, and no loss is reported that was
// none, whatever the durability.
func TestAStreamOverTheKillOfAMember(t *testing.T) {
	t.Parallel()
	for _, durability := range []string{"none", "sync"} {
		t.Run(durability, func(t *testing.T) {
			t.Parallel()
			args := append(inDirectory(t.TempDir()), "--set=extensions::tapio::store::durability="+durability,
				"--set=extensions::tapio::grpc::endpoint="+freeAddress(t))
			member := Start(t, standard, args...)
			client := apiOf(t, startFront(t, member))
			stream, err := client.StreamLogs(bounded(t), &tapiov1.StreamLogsRequest{
				Filter: &tapiov1.Filter{Services: []string{"live"}}, ReportPosition: true,
			})
			require.NoError(t, err)
			caughtUp, err := stream.Recv()
			require.NoError(t, err)
			require.True(t, caughtUp.GetCaughtUp())
			receive := func(from, to int) {
				t.Helper()
				var got []int
				for len(got) < to-from {
					message, err := stream.Recv()
					require.NoError(t, err)
					require.Nil(t, message.GetLoss())
					got = append(got, numbers(message.GetLogs())...)
				}
				require.Equal(t, sequence(from, to), got)
			}
			sendGRPC(t, member, lines("live", 0, 5, ""))
			receive(0, 5)
			member.Kill()
			member = Start(t, standard, args...)
			sendGRPC(t, member, lines("live", 5, 10, ""))
			receive(5, 10)
		})
	}
}
