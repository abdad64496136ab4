// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package hotspot keeps what the functions of services cost, for some time back, and finds
// the function whose part grew. It knows no clock: time is that of the profiles.
package hotspot
