// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package gateway

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

func TestGatewayJSONStreamsLines(t *testing.T) {
	j := &gatewayJSON{}
	text, err := j.Marshal(map[string]any{"result": &tapiov1.GetLogsRequest{TraceId: "0a"}})
	require.NoError(t, err)
	assert.JSONEq(t, `{"result":{"traceId":"0a"}}`, string(text))
	assert.Equal(t, "\n", string(j.Delimiter()))
}
