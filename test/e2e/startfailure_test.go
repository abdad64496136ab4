// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// besides is the standard collector with other extensions that listen. All of them
// start in an order that is drawn again at each start.
const besides = `
  zpages: {endpoint: %q}
  pprof: {endpoint: %q}
  health_check: {endpoint: %q}
receivers:`

// Another extension's port is taken, as by a collector that runs already. Whatever
// started before, its error is printed and the process ends in order.
func TestAnotherExtensionThatCannotStartIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	const starts = 6 // of each: three of eight failed otherwise before
	for i, extension := range []string{"zpages", "pprof", "health_check"} {
		t.Run(extension, func(t *testing.T) {
			t.Parallel()
			endpoints := []any{"localhost:0", "localhost:0", "localhost:0"}
			endpoints[i] = taken.Addr().String()
			config := strings.Replace(standard, "\nreceivers:", fmt.Sprintf(besides, endpoints...), 1)
			config = strings.Replace(config, "extensions: [tapio]", "extensions: [tapio, zpages, pprof, health_check]", 1)
			for range starts {
				code, output := runToEnd(t, config)
				require.Equal(t, 1, code, "%s", output)
				require.NotContains(t, output, "panic:")
				require.Contains(t, lastError(output), taken.Addr().String())
				require.Contains(t, lastError(output), "address already in use")
			}
		})
	}
}

// A receiver that cannot start stops all that was started before it.
func TestAReceiverThatCannotStartIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	for range 3 {
		code, output := runToEnd(t, standard, "--set=receivers::otlp::protocols::grpc::endpoint="+taken.Addr().String())
		require.Equal(t, 1, code, "%s", output)
		require.NotContains(t, output, "panic:")
		require.Contains(t, lastError(output), "address already in use")
	}
}
