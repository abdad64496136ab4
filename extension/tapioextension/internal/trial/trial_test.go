// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package trial

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What a new store would take before the configuration runs waits: the configuration before, which
// comes back if it never does, has another store.
func TestRecordsWaitUntilTheConfigurationRuns(t *testing.T) {
	for name, passes := range map[string]bool{"runs": true, "does not start": false} {
		t.Run(name, func(t *testing.T) {
			trial := New()
			ended := make(chan error)
			go func() { ended <- trial.Await(context.Background()) }()
			select {
			case err := <-ended:
				require.Failf(t, "it did not wait", "%v", err)
			case <-time.After(20 * time.Millisecond):
			}
			trial.End(passes)
			trial.End(!passes) // the first call counts
			if err := <-ended; passes {
				require.NoError(t, err)
			} else {
				require.Equal(t, codes.Unavailable, status.Code(err))
			}
		})
	}
	var none *Trial
	none.End(false)
	require.NoError(t, none.Await(context.Background()), "nothing to wait for")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, New().Await(ctx), context.Canceled)
}
