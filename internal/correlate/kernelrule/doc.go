// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package kernelrule holds, for each event and counter of the eBPF receiver that shows
// a fault, how the engine treats it: whether one of them is a fault in itself, when it opens an
// incident, the type of that incident, the sentence about the service, and the advice.
// There is one table, so that what opens an incident and what the incident is called cannot
// drift apart. A test requires that each event of the semantic conventions has a rule or is
// listed in Ignored.
package kernelrule
