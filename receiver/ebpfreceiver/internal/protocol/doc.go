// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package protocol reads HTTP/1.x, Redis and PostgreSQL at the socket, in plain text or at the TLS library, and
// joins the calls that one request causes.
package protocol
