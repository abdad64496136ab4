// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package failure classifies failures by the words in which runtimes, drivers and
// servers report them. It knows no service and formats no text.
package failure

import "strings"

// Class is a class of failures.
type Class uint8

// The classes. A message that matches several belongs to the first of them: an exhausted
// pool also reports a timeout.
const (
	None        Class = iota
	Certificate       // a certificate is refused
	Name              // a name is not resolved
	Pool              // the caller's connection pool is exhausted
	Disk              // no space is left
	Memory            // no memory is left
	Lock              // a statement waits for a lock, or is part of a deadlock
	Refused           // nothing listens
	Unreachable       // no connection is established
	Overload          // the callee rejects excess calls
	Unavailable       // the callee reports that it is not available
	Timeout           // the callee does not answer in time
)

// words returns the words that report each class, in lower case.
func words() [][]string {
	return [][]string{
		Certificate: {"x509", "certificate has expired", "certificate verify failed", "certificate expired", "cert_has_expired", "pkix path", "bad certificate", "certificate is not yet valid", "sslhandshakeexception", "sslcertverificationerror", "certificateverificationerror"},
		Name: {
			"no such host", "enotfound", "eai_again", "getaddrinfo", "name resolution", "name or service not known", "unknownhost", "nxdomain", "servfail",
			"could not resolve", "cannot resolve", "nodename nor servname", "lookup ", "net.dnserror", "gaierror",
		},
		Pool:        {"connection from pool", "connection pool", "connectionpool", "pool exhausted", "pool is exhausted", "pool timed out", "queuepool", "hikaripool", "pool limit", "acquiring a connection", "from the pool"},
		Disk:        {"no space left", "enospc", "disk full", "disk quota exceeded", "not enough space"},
		Memory:      {"out of memory", "outofmemory", "cannot allocate memory", "enomem", "oom command not allowed"},
		Lock:        {"deadlock", "lock timeout", "lock wait timeout", "could not obtain lock"},
		Refused:     {"connection refused", "connection_refused", "connectionrefused", "econnrefused", "java.net.connectexception"},
		Unreachable: {"no route to host", "ehostunreach", "enetunreach", "network is unreachable", "host is unreachable", "connect timed out", "connection timed out", "connect etimedout"},
		Overload:    {"too many requests", "too many clients", "too many connections", "resource_exhausted", "resourceexhausted", "rate limit", "circuit breaker"},
		Unavailable: {"service unavailable"},
		Timeout:     {"deadline exceeded", "deadline_exceeded", "timed out", "timeout", "etimedout"},
	}
}

// codes returns the values of error.type and db.response.status_code that stand for a class by themselves:
// short names, SQLSTATE and error numbers of MySQL.
func codes() map[string]Class {
	return map[string]Class{
		"tls": Certificate, "certificate_expired": Certificate, "secure_connection_error": Certificate,
		"dns": Name, "dns_error": Name, "name_resolution_error": Name,
		"pool_timeout": Pool, "53100": Disk, "1021": Disk, "53200": Memory,
		"55p03": Lock, "40p01": Lock, "1205": Lock, "1213": Lock,
		"08001": Unreachable, "08006": Unreachable, "connection_error": Unreachable,
		"53300": Overload, "1040": Overload, "57p01": Unavailable, "57p03": Unavailable, "unavailable": Unavailable,
		"57014": Timeout,
	}
}

// ClassOf classifies a message. It returns None if no class matches.
func ClassOf(message string) Class {
	message = strings.ToLower(message)
	if strings.HasPrefix(message, "dial ") && strings.Contains(message, "timeout") {
		return Unreachable
	}
	if class, found := codes()[message]; found {
		return class
	}
	for class, list := range words() {
		for _, word := range list {
			if strings.Contains(message, word) {
				return Class(class)
			}
		}
	}
	return None
}
