// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func tlsHandshake() Rule {
	return Rule{
		ID: "tls-handshake", Title: "TLS handshakes", Applies: CPU,
		Threshold: 0.03, Source: "proposal",
		Explanation: "Connections are opened often, and each costs a key exchange: connections are not reused.",
		Advice: "Keep connections open and reuse them: one HTTP client for all requests, read and close response bodies, raise " +
			"the limit of idle connections per host, resume sessions.",
		Frames: []Frames{
			{Language: Go, Functions: []string{
				"crypto/tls.(*Conn).handshakeContext", "crypto/tls.(*Conn).Handshake*",
				"crypto/tls.(*Conn).clientHandshake", "crypto/tls.(*Conn).serverHandshake",
			}},
			{Language: Java, Functions: []string{
				"sun.security.ssl.HandshakeContext.*", "sun.security.ssl.TransportContext.kickstart",
				"sun.security.ssl.SSLSocketImpl.startHandshake", "sun.security.ssl.SSLHandshake.*",
			}},
			{Language: Python, Functions: []string{"ssl.*do_handshake"}},
			{Language: Native, Functions: []string{"SSL_do_handshake", "SSL_connect", "SSL_accept", "ossl_statem_*", "gnutls_handshake", "rustls::*handshake*"}},
		},
	}
}
