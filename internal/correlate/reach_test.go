// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package correlate

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/tapio/tapio/internal/model"
)

func TestLoopbackIsScopedByNodeAndNamespace(t *testing.T) {
	peer := func(address string, more ...model.KeyValue) model.Attributes {
		return append(model.Attributes{
			{Key: "network.peer.address", Value: model.StringValue(address)}, {Key: "network.peer.port", Value: model.IntValue(9999)},
		}, more...)
	}
	namespace := func(n int64) model.KeyValue {
		return model.KeyValue{Key: "tapio.network.namespace", Value: model.IntValue(n)}
	}
	one, other := endpointOf(peer("127.0.0.1", namespace(1)), "network.peer.", "node"), endpointOf(peer("127.0.0.1", namespace(2)), "network.peer.", "node")
	assert.NotEqual(t, one, other)
	assert.Equal(t, "127.0.0.1:9999", shownEndpoint(one))
	assert.NotEqual(t, one, endpointOf(peer("127.0.0.1", namespace(1)), "network.peer.", "node2"), "the numbers of namespaces are a host's own")
	assert.Equal(t, "node/127.0.0.1:9999", endpointOf(peer("127.0.0.1"), "network.peer.", "node"))
	assert.Equal(t, "10.0.0.1:9999", endpointOf(peer("10.0.0.1", namespace(1)), "network.peer.", "node"))
}
