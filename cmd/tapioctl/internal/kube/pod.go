// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/tapio/tapio/cmd/tapioctl/internal/exitcode"
)

const (
	componentLabel = "app.kubernetes.io/component"
	selectAll      = "app.kubernetes.io/name=tapio"
)

// pod is the part of a pod that choosing one needs.
type pod struct {
	Metadata struct {
		Name, Namespace string
		Labels          map[string]string
		OwnerReferences []struct{ Kind, Name string }
	}
	Spec   struct{ NodeName string }
	Status struct {
		Phase      string
		Conditions []struct{ Type, Status string }
	}
}

func (p *pod) String() string { return p.Metadata.Namespace + "/" + p.Metadata.Name }

func (p *pod) ready() bool {
	for _, condition := range p.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

// workload is the name of the pod's workload, which the chart gives its Service too.
func (p *pod) workload() string {
	if len(p.Metadata.OwnerReferences) == 0 {
		return p.Metadata.Name
	}
	owner := p.Metadata.OwnerReferences[0]
	if owner.Kind == "ReplicaSet" {
		return strings.TrimSuffix(owner.Name, "-"+p.Metadata.Labels["pod-template-hash"])
	}
	return owner.Name
}

// host is the name of the pod's Service, which the server's certificate must carry.
func (p *pod) host() string { return p.workload() + "." + p.Metadata.Namespace + ".svc" }

func parsePods(text []byte) ([]*pod, error) {
	var list struct{ Items []*pod }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("parse the pods that kubectl printed: %w", err)
	}
	return list.Items, nil
}

// choose returns the pod to connect to: the agent of a node, else the gateway, else the only agent.
func choose(pods []*pod, node string) (*pod, error) {
	running := slices.DeleteFunc(slices.Clone(pods), func(p *pod) bool { return p.Status.Phase != "Running" })
	if len(running) == 0 && len(pods) > 0 {
		return nil, unreachable("pod %s is not running: it is %s", pods[0], cmp.Or(pods[0].Status.Phase, "of unknown phase"))
	}
	if node != "" {
		return agentOf(running, node)
	}
	gateways := ofComponent(running, "gateway")
	if len(gateways) == 0 {
		return onlyAgent(ofComponent(running, "agent"))
	}
	first := gateways[0]
	for _, other := range gateways[1:] {
		if other.host() != first.host() {
			return nil, exitcode.UsageErrorf("several Tapio gateways: %s: choose one with -n NAMESPACE or --pod NAME", names(gateways))
		}
	}
	if ready := slices.IndexFunc(gateways, (*pod).ready); ready >= 0 {
		return gateways[ready], nil
	}
	return first, nil
}

func agentOf(pods []*pod, node string) (*pod, error) {
	for _, p := range ofComponent(pods, "agent") {
		if p.Spec.NodeName == node {
			return p, nil
		}
	}
	return nil, exitcode.UsageErrorf("--node %s: no Tapio agent runs there: %s", node, nodes(ofComponent(pods, "agent")))
}

func onlyAgent(agents []*pod) (*pod, error) {
	if len(agents) == 1 {
		return agents[0], nil
	}
	if len(agents) == 0 {
		return nil, unreachable("no Tapio gateway and no agent is running: choose a pod with --pod NAME")
	}
	return nil, exitcode.UsageErrorf("there is no Tapio gateway: choose an agent with --node: %s", nodes(agents))
}

func ofComponent(pods []*pod, component string) (found []*pod) {
	for _, p := range pods {
		if p.Metadata.Labels[componentLabel] == component {
			found = append(found, p)
		}
	}
	return found
}

func names(pods []*pod) string {
	var all []string
	for _, p := range pods {
		all = append(all, p.String())
	}
	return listed(all)
}

func nodes(pods []*pod) string {
	var all []string
	for _, p := range pods {
		all = append(all, p.Spec.NodeName)
	}
	if len(all) == 0 {
		return "there are no agents"
	}
	return "agents run on " + listed(all)
}

// maxListed bounds what an error lists: a cluster may have thousands of nodes.
const maxListed = 10

func listed(all []string) string {
	slices.Sort(all)
	all = slices.Compact(all)
	if len(all) > maxListed {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:maxListed], ", "), len(all)-maxListed)
	}
	return strings.Join(all, ", ")
}

func unreachable(format string, args ...any) error {
	return &exitcode.Error{Code: exitcode.Unreachable, Message: fmt.Sprintf(format, args...)}
}
