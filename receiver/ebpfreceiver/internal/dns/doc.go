// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package dns observes DNS queries.
package dns
