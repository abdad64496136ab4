// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import (
	"context"

	"github.com/tapio/tapio/internal/model"
)

type serviceGraphInput struct {
	Since    string   `json:"since,omitempty" jsonschema:"begin of the time range: RFC 3339, or how long ago such as 15m, 2h or 1d; 1h by default"`
	Until    string   `json:"until,omitempty" jsonschema:"end of the time range, in the same forms; now by default"`
	Services []string `json:"services,omitempty" jsonschema:"only calls from or to these services"`
	Limit    int      `json:"limit,omitempty" jsonschema:"most calls to return, those with the most requests; 1 to 500, 100 by default"`
}

type nodeText struct {
	Name   string   `json:"name"`
	Type   string   `json:"type"`
	System string   `json:"system,omitempty"`
	RED    *redText `json:"requests,omitempty"`
}

type edgeText struct {
	From   string   `json:"from"`
	To     string   `json:"to"`
	RED    *redText `json:"requests,omitempty"`
	Kernel bool     `json:"seen_by_kernel_only,omitempty"`
}

func (s *server) serviceGraph(ctx context.Context, in *serviceGraphInput) (*answer, error) {
	times, err := s.timeRange(in.Since, in.Until)
	if err != nil {
		return nil, err
	}
	most, err := limit(in.Limit, 100, 500)
	if err != nil {
		return nil, err
	}
	selected, err := filter(times, in.Services, "", nil)
	if err != nil {
		return nil, err
	}
	graph, err := s.Reader.GetServiceGraph(ctx, model.GraphQuery{Filter: selected, Limit: most})
	if err != nil {
		return nil, err
	}
	found := &answer{from: times.Start, to: times.End, more: graph.Truncated, hint: "name services, or request a shorter time range"}
	names := nodeNames(&graph)
	edges, nodes := make([]edgeText, len(graph.Edges)), make([]nodeText, len(graph.Nodes))
	for i := range graph.Edges {
		edges[i] = edgeOf(&graph.Edges[i], names)
	}
	for i := range graph.Nodes {
		n := &graph.Nodes[i]
		nodes[i] = nodeText{n.Name, nameOf([]string{"service", "database", "messaging", "external"}, int(n.Type)), n.System, redOf(&n.RED)}
	}
	found.add("calls", listOf(edges)...)
	found.add("nodes", listOf(nodes)...)
	return found, nil
}

// nodeNames are the names of nodes by id.
func nodeNames(graph *model.ServiceGraph) map[string]string {
	names := make(map[string]string, len(graph.Nodes))
	for i := range graph.Nodes {
		names[graph.Nodes[i].ID] = graph.Nodes[i].Name
	}
	return names
}

func edgeOf(e *model.GraphEdge, names map[string]string) edgeText {
	return edgeText{From: names[e.Client], To: names[e.Server], RED: redOf(&e.RED), Kernel: e.Kernel}
}
