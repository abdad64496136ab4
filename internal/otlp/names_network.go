// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package otlp

// The names of what is told of connections and of what is spoken over them.
const (
	ClientAddress         = "client.address"
	ClientPort            = "client.port"
	DBNamespace           = "db.namespace"
	DBOperation           = "db.operation.name"
	DBQueryText           = "db.query.text"
	DBResponseStatus      = "db.response.status_code"
	DBSystem              = "db.system.name"
	DNSQuestionName       = "dns.question.name"
	HTTPRequestBodySize   = "http.request.body.size"
	HTTPRequestMethod     = "http.request.method"
	HTTPRequestMethodOrig = "http.request.method_original"
	HTTPResponseBodySize  = "http.response.body.size"
	HTTPResponseStatus    = "http.response.status_code"
	MetricOverflow        = "otel.metric.overflow"
	NetworkIODirection    = "network.io.direction"
	NetworkLocalAddress   = "network.local.address"
	NetworkLocalPort      = "network.local.port"
	NetworkPeerAddress    = "network.peer.address"
	NetworkPeerPort       = "network.peer.port"
	NetworkProtocolName   = "network.protocol.name"
	NetworkProtocolVer    = "network.protocol.version"
	NetworkTransport      = "network.transport"
	NetworkType           = "network.type"
	ServerAddress         = "server.address"
	ServerPort            = "server.port"
	URLFull               = "url.full"
	URLPath               = "url.path"
	URLScheme             = "url.scheme"
	UserAgent             = "user_agent.original"

	// ConnectionRole is client for who connected, server for who accepted.
	ConnectionRole = "tapio.connection.role"
	// RequestAge is for how long a request has had no answer, in seconds.
	RequestAge = "tapio.request.age"
	// DNSQuestionType is A, AAAA and so on.
	DNSQuestionType = "tapio.dns.question.type"
	// DNSAttempts counts how often a question was sent.
	DNSAttempts = "tapio.dns.attempts"
	// TCPRetransmits, TCPRoundTrip (in seconds) and the sizes are a connection's.
	TCPRetransmits = "tapio.tcp.retransmits"
	TCPRoundTrip   = "tapio.tcp.rtt"
	TCPSent        = "tapio.tcp.sent"
	TCPReceived    = "tapio.tcp.received"
	// TCPDuration is how long a connect tried, in seconds, DNSDuration a lookup.
	TCPDuration = "tapio.tcp.duration"
	DNSDuration = "tapio.dns.duration"
)

// The values of NetworkIODirection and ConnectionRole.
const (
	Transmit = "transmit"
	Receive  = "receive"
	Client   = "client"
	Server   = "server"
)
