// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
)

// podJSON is a pod as kubectl prints it. A gateway's owner is a StatefulSet, an agent's a DaemonSet.
func podJSON(namespace, name, component, owner, node, phase, ready string) string {
	kind := map[string]string{"gateway": "StatefulSet", "agent": "DaemonSet"}[component]
	return fmt.Sprintf(`{"metadata": {"namespace": %q, "name": %q, "labels": {"app.kubernetes.io/name": "tapio", "app.kubernetes.io/component": %q},
		"ownerReferences": [{"kind": %q, "name": %q}]}, "spec": {"nodeName": %q},
		"status": {"phase": %q, "conditions": [{"type": "Initialized", "status": "True"}, {"type": "Ready", "status": %q}]}}`,
		namespace, name, component, kind, owner, node, phase, ready)
}

func gatewayJSON(namespace, name, phase, ready string) string {
	return podJSON(namespace, name, "gateway", "tapio-gateway", "node-1", phase, ready)
}

func agentJSON(name, node string) string {
	return podJSON("obs", name, "agent", "tapio-agent", node, "Running", "True")
}

func podList(pods ...string) string {
	text := `{"apiVersion": "v1", "kind": "List", "items": [`
	for i, p := range pods {
		if i > 0 {
			text += ","
		}
		text += p
	}
	return text + "]}"
}

func TestChoose(t *testing.T) {
	gateway := gatewayJSON("obs", "tapio-gateway-0", "Running", "True")
	for _, test := range []struct {
		name   string
		pods   []string
		node   string
		chosen string // namespace/name, or
		fails  string // a part of the error
		code   int
	}{
		{"gateway before agents", []string{agentJSON("tapio-agent-a", "node-1"), gateway}, "", "obs/tapio-gateway-0", "", 0},
		{"ready one first", []string{gatewayJSON("obs", "tapio-gateway-1", "Running", "False"), gateway}, "", "obs/tapio-gateway-0", "", 0},
		{"not ready is better than none", []string{gatewayJSON("obs", "tapio-gateway-0", "Running", "False")}, "", "obs/tapio-gateway-0", "", 0},
		{"agent of a node", []string{gateway, agentJSON("tapio-agent-a", "node-1"), agentJSON("tapio-agent-b", "node-2")}, "node-2", "obs/tapio-agent-b", "", 0},
		{"only agent", []string{agentJSON("tapio-agent-a", "node-1")}, "", "obs/tapio-agent-a", "", 0},
		{
			"several agents",
			[]string{agentJSON("tapio-agent-b", "node-2"), agentJSON("tapio-agent-a", "node-1")},
			"", "", "--node: agents run on node-1, node-2", exitcode.Usage,
		},
		{"unknown node", []string{gateway, agentJSON("tapio-agent-a", "node-1")}, "node-9", "", "--node node-9: no Tapio agent runs there: agents run on node-1", exitcode.Usage},
		{"node without agents", []string{gateway}, "node-1", "", "there are no agents", exitcode.Usage},
		{
			"two installations",
			[]string{gateway, gatewayJSON("test", "tapio-gateway-0", "Running", "True")},
			"", "", "obs/tapio-gateway-0, test/tapio-gateway-0: choose one with -n", exitcode.Usage,
		},
		{"pending", []string{gatewayJSON("obs", "tapio-gateway-0", "Pending", "False")}, "", "", "pod obs/tapio-gateway-0 is not running: it is Pending", exitcode.Unreachable},
	} {
		t.Run(test.name, func(t *testing.T) {
			pods, err := parsePods([]byte(podList(test.pods...)))
			require.NoError(t, err)
			chosen, err := choose(pods, test.node)
			if test.fails == "" {
				require.NoError(t, err)
				assert.Equal(t, test.chosen, chosen.String())
				return
			}
			require.ErrorContains(t, err, test.fails)
			var failure *exitcode.Error
			require.True(t, errors.As(err, &failure))
			assert.Equal(t, test.code, failure.Code)
		})
	}
}

func TestHostOfAPod(t *testing.T) {
	pods, err := parsePods([]byte(podList(
		gatewayJSON("obs", "tapio-gateway-0", "Running", "True"),
		`{"metadata": {"namespace": "obs", "name": "watch-gateway-6d4b75cb6d-x2x", "labels": {"pod-template-hash": "6d4b75cb6d"},
			"ownerReferences": [{"kind": "ReplicaSet", "name": "watch-gateway-6d4b75cb6d"}]}}`,
		`{"metadata": {"namespace": "obs", "name": "single"}}`,
	)))
	require.NoError(t, err)
	assert.Equal(t, "tapio-gateway.obs.svc", pods[0].host())
	assert.Equal(t, "watch-gateway.obs.svc", pods[1].host())
	assert.Equal(t, "single.obs.svc", pods[2].host())
}

func TestErrorsListFewNodes(t *testing.T) {
	var agents []*pod
	for i := range 5000 {
		p := &pod{}
		p.Spec.NodeName = fmt.Sprintf("node-%04d", i)
		agents = append(agents, p)
	}
	assert.Less(t, len(nodes(agents)), 200)
	assert.Contains(t, nodes(agents), "node-0009 and 4990 more")
}
