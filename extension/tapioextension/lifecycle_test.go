// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.opentelemetry.io/collector/component/componenttest"
	logs "go.opentelemetry.io/proto/otlp/logs/v1"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
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
				_, err := e.ClaimStore(component.MustNewID("tapio"))
				require.ErrorContains(t, err, "is not started", "after %q", order)
				_, err = e.AttachEvents(component.MustNewID("tapio"), model.EventSink(nil))
				assert.ErrorContains(t, err, "is not started", "after %q", order)
			}
			require.NoError(t, e.Shutdown(context.Background()))
		}
	}
}

func TestPanicsAreAStatusUntilNoneWasForLong(t *testing.T) {
	core, logged := observer.New(zap.ErrorLevel)
	p := panicLog{logger: zap.New(core)}
	h := &statusHost{}
	began := time.Now()
	p.report(h, began)
	for range 3 {
		p.add(panics.Catch(func() { panic("here") }))
	}
	p.report(h, began)
	p.report(h, began.Add(recoveredAfter/2))
	p.report(h, time.Now().Add(recoveredAfter))
	assert.Equal(t, []componentstatus.Status{componentstatus.StatusRecoverableError, componentstatus.StatusOK}, h.statuses)
	assert.EqualValues(t, 3, p.count.Total())
	require.Equal(t, 1, logged.Len(), "the stack is logged once")
	assert.Contains(t, logged.All()[0].ContextMap()["stack"], "lifecycle_test.go")
}

// statusHost keeps the status that is reported to it.
type statusHost struct{ statuses []componentstatus.Status }

func (*statusHost) GetExtensions() map[component.ID]component.Component { return nil }

func (h *statusHost) Report(event *componentstatus.Event) {
	h.statuses = append(h.statuses, event.Status())
}

func TestACallThatPanicsIsCounted(t *testing.T) {
	e := started(t, nil)
	_, err := e.AttachEvents(component.MustNewID("tapio"), panickingSink{})
	require.NoError(t, err)
	conn, err := grpc.NewClient(e.servers[0].(*grpcServer).listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	batch := &tapiov1.EventBatch{CollectorId: "a", BatchId: "1", Sequence: 1, Events: []*tapiov1.Event{{LogRecord: &logs.LogRecord{EventName: "a"}}}}
	_, err = tapiov1.NewCollectorServiceClient(conn).SendEventBatch(t.Context(), &tapiov1.SendEventBatchRequest{Batch: batch})
	require.Equal(t, codes.Internal, status.Code(err), "%v", err)
	assert.EqualValues(t, 1, e.panics.count.Total())
}

// panickingSink is a receiver whose pipeline panics.
type panickingSink struct{ model.EventSink }

func (panickingSink) WriteEvents(context.Context, []model.Event) error { panic("pipeline") }
