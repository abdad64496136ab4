// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package model defines the data model that the whole product shares: events,
// spans, metric points, their resources and scopes, filters and queries. It
// imports the standard library only. Values are immutable once built: the store
// and all its readers share them without a lock.
package model
