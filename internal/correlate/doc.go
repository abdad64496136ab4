// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package correlate is the engine that turns many signals into one incident
// with a cause. It is pure: it has no clock, starts no goroutine and knows
// neither pdata nor proto. Time is the time of the events that it is shown;
// the caller says by Flush how far that time has come.
//
// An Engine is not safe for concurrent use; the caller locks it. Whatever is
// observed may be reused by the caller after the call, with one exception that
// keeps the common path cheap: a Resource, Scope, Series or Metric that is
// reached by pointer must not change as long as it is reachable, which the
// words of internal/model promise anyway.
package correlate
