// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"

	"github.com/tapio/tapio/internal/model"
)

// orders lists all sequences of up to length steps, in which start occurs at most
// once and never after shutdown.
func orders(length int, steps ...string) (list [][]string) {
	list = [][]string{{}}
	for from := 0; length > 0; length-- {
		until := len(list)
		for _, before := range list[from:until] {
			for _, step := range steps {
				done := strings.Join(before, " ")
				if step == "start" && (strings.Contains(done, "start") || strings.Contains(done, "shutdown")) {
					continue
				}
				list = append(list, append(append([]string{}, before...), step))
			}
		}
		from = until
	}
	return list
}

// The collector calls NotReady and Shutdown of every extension when one of them
// fails to start, whether or not this one was started.
func TestEveryOrderOfTheLifeCycleIsSafe(t *testing.T) {
	taken, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	for _, endpoint := range []string{"localhost:0", taken.Addr().String()} {
		for _, order := range orders(4, "ready", "not ready", "shutdown", "start") {
			e := newTestExtension(t, func(c *Config) { c.HTTP.Get().NetAddr.Endpoint = endpoint })
			for _, step := range order {
				var err error
				switch step {
				case "ready":
					err = e.Ready()
				case "not ready":
					err = e.NotReady()
				case "shutdown":
					err = e.Shutdown(context.Background())
				default:
					if err = e.Start(t.Context(), componenttest.NewNopHost()); endpoint != "localhost:0" {
						require.ErrorContains(t, err, "http::endpoint")
						err = nil
					}
				}
				require.NoError(t, err, "%q in %q", step, order)
			}
			e.ComponentStatusChanged(&componentstatus.InstanceID{}, componentstatus.NewEvent(componentstatus.StatusOK))
			if done := strings.Join(order, " "); !strings.Contains(done, "start") || strings.Contains(done, "shutdown") {
				_, _, err := e.ClaimStore(component.MustNewID("tapio"))
				require.ErrorContains(t, err, "is not started", "after %q", order)
				_, err = e.AttachEvents(component.MustNewID("tapio"), model.EventSink(nil))
				assert.ErrorContains(t, err, "is not started", "after %q", order)
			}
			require.NoError(t, e.Shutdown(context.Background()))
		}
	}
}
