// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/client"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// A function of the caller's runs in a goroutine of the writer.
func TestAPanicEndsTheWriterNotTheProgram(t *testing.T) {
	w := client.NewWriter((&flaky{trouble: func(int) trouble { return none }}).serve(t), client.WriterOptions{Done: func(client.Result) { panic("of the caller") }})
	require.NoError(t, w.Write(bounded(t), event(1)))
	var panicked *client.PanicError
	require.ErrorAs(t, w.Flush(bounded(t)), &panicked)
	require.Equal(t, "of the caller", panicked.Value)
	require.Contains(t, panicked.Stack, "panic_test.go")
	require.ErrorAs(t, w.Write(bounded(t), &tapiov1.Event{}), &panicked)
	require.ErrorAs(t, w.Close(bounded(t)), &panicked)
}
