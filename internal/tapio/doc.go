// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package tapio holds the words that the whole product speaks: events, spans,
// metric points, what they come from, and the questions asked about them. It
// imports the standard library only. A word is immutable once it is built:
// rows are shared between the store and all its readers without a lock.
package tapio
