// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package mcp

import "github.com/modelcontextprotocol/go-sdk/mcp"

// addTools adds every tool that this server has data for.
func (s *server) addTools(protocol *mcp.Server) {
	s.addIncidentTools(protocol)
	s.addRecordTools(protocol)
	if s.Metrics != nil {
		addTool(s, protocol, tool{
			name: "query_metrics", title: "Query metrics",
			description: "Evaluates a PromQL expression over a time range. Names of OpenTelemetry metrics and labels are escaped as in Prometheus: " +
				"http.server.request.duration is http_server_request_duration_seconds.",
		}, s.queryMetrics)
	}
}

// addIncidentTools adds those that find out what is wrong, and where.
func (s *server) addIncidentTools(protocol *mcp.Server) {
	addTool(s, protocol, tool{
		name: "list_incidents", title: "List incidents",
		description: "Lists the incidents that were found in a time range, the newest first: title, services, impact and the most probable root cause. " +
			"Begin here; explain_incident returns the details of one.",
		enums: map[string][]any{"states": incidentStates(), "kinds": incidentKinds()},
	}, s.listIncidents)
	addTool(s, protocol, tool{
		name: "explain_incident", title: "Explain an incident",
		description: "Returns everything known about one incident: candidates for the root cause with evidence, the causal chain, the impact, " +
			"recommended actions, and ids of logs, traces and metrics to look at next.",
	}, s.explainIncident)
	addTool(s, protocol, tool{
		name: "list_services", title: "List services",
		description: "Lists the services that sent telemetry in a time range, with request rate, errors, latency and when they were first and last seen.",
	}, s.listServices)
	addTool(s, protocol, tool{
		name: "service_health", title: "Health of a service",
		description: "Compares a service in a time range with the same length of time before it: requests, errors, latency, error logs; " +
			"and lists its worst operations, callers, dependencies and open incidents.",
	}, s.serviceHealth)
	addTool(s, protocol, tool{
		name: "what_changed", title: "What changed",
		description: "Lists deployments, restarts, configuration changes and scale events in a time range, the newest first. Query the time before an incident began.",
		enums:       map[string][]any{"types": changeTypes()},
	}, s.whatChanged)
	addTool(s, protocol, tool{
		name: "service_graph", title: "Service graph",
		description: "Returns the calls between services, databases, queues and external peers, with rate, errors and latency of each.",
	}, s.serviceGraph)
}

// addRecordTools adds those that read log records and spans.
func (s *server) addRecordTools(protocol *mcp.Server) {
	addTool(s, protocol, tool{
		name: "query_logs", title: "Query logs",
		description: "Returns log records and events, the newest first unless oldest_first is set. Filters are joined by AND. " +
			"What the correlation engine found is left out: list_incidents has it.",
		enums: map[string][]any{"min_severity": severities()},
	}, s.queryLogs)
	addTool(s, protocol, tool{
		name: "log_patterns", title: "Log patterns",
		description: "Groups log records by the pattern of their message and counts them, the most frequent first: an overview before query_logs. " +
			"<*> stands for what differs.",
		enums: map[string][]any{"min_severity": severities()},
	}, s.logPatterns)
	addTool(s, protocol, tool{
		name: "query_traces", title: "Query traces",
		description: "Returns summaries of traces that have a matching span, the newest first. get_trace returns the spans of one.",
	}, s.queryTraces)
	addTool(s, protocol, tool{
		name: "get_trace", title: "Get a trace",
		description: "Returns the spans of one trace as a tree, in the order of their start, with errors, exceptions and time spent, and the log records of the trace.",
	}, s.getTrace)
	addTool(s, protocol, tool{
		name: "profile_hotspots", title: "Hotspots of profiles",
		description: "Returns the functions that cost most in stored profiles, of themselves (self) and with all they call (total). With compare, " +
			"what grew most against the time before: what the code of a slow service does differently. Bottlenecks are known causes of cost, with advice.",
	}, s.profileHotspots)
	addTool(s, protocol, tool{
		name: "compare_attributes", title: "Compare attributes",
		description: "Finds what is special about some spans or log records: attribute values that are more frequent among them than among the " +
			"others of the same services and time, ranked by the difference. Select slow or failed spans, or error logs, and compare.",
		enums: map[string][]any{"signal": {"traces", "logs"}, "min_severity": severities()},
	}, s.compareAttributes)
}
