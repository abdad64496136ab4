// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package failure

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMessagesOfRuntimesAreClassified(t *testing.T) {
	for message, want := range map[string]Class{
		"tls: failed to verify certificate: x509: certificate has expired or is not yet valid":           Certificate,
		"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1)": Certificate,
		"sun.security.validator.ValidatorException: PKIX path validation failed":                         Certificate,
		"getaddrinfo ENOTFOUND payments.internal":                                                        Name,
		"lookup rates.fxfeed.example on 10.96.0.10:53: server misbehaving":                               Name,
		"java.net.UnknownHostException: payments":                                                        Name,
		"timed out waiting for a connection from pool orders (size 20)":                                  Pool,
		"HikariPool-1 - Connection is not available, request timed out after 30000ms":                    Pool,
		"QueuePool limit of size 5 overflow 10 reached, connection timed out, timeout 30.00":             Pool,
		`could not extend file "base/16384/22448": No space left on device`:                              Disk,
		"java.lang.OutOfMemoryError: Java heap space":                                                    Memory,
		"ERROR: deadlock detected":                                                                       Lock,
		"canceling statement due to lock timeout":                                                        Lock,
		"Lock wait timeout exceeded; try restarting transaction":                                         Lock,
		"dial tcp 10.0.0.7:5432: connect: connection refused":                                            Refused,
		"connect ECONNREFUSED 127.0.0.1:6379":                                                            Refused,
		"dial tcp 10.11.98.74:8080: i/o timeout":                                                         Unreachable,
		"connect EHOSTUNREACH 10.0.0.7:80":                                                               Unreachable,
		"FATAL: sorry, too many clients already":                                                         Overload,
		"429 Too Many Requests":                                                                          Overload,
		"503 Service Unavailable":                                                                        Unavailable,
		"context deadline exceeded":                                                                      Timeout,
		"TypeError: cannot read properties of undefined (reading 'currency')":                            None,
		"connection_refused":                                                                             Refused,
		"*net.DNSError":                                                                                  Name,
		"*tls.CertificateVerificationError":                                                              Certificate,
		"53100":                                                                                          Disk,
		"55P03":                                                                                          Lock,
		"57014":                                                                                          Timeout,
		"500":                                                                                            None,
		"":                                                                                               None,
	} {
		assert.Equal(t, want, ClassOf(message), "%s", message)
	}
}
