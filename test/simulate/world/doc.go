// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package world simulates a system of services in event time: its topology, its
// load, its noise, its faults and its planned changes, and the telemetry that all
// of it would send. It knows what is wrong when; the telemetry does not say so.
package world
