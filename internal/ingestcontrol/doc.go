// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package ingestcontrol decides which records of a signal go on: by conditions,
// by sampling and by a maximum per second. It counts what it drops, by reason. The
// eBPF receiver, the processor ingest_control and the client library share it;
// it knows neither pdata nor proto.
package ingestcontrol
