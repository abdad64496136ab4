// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package baseline keeps what is usual of a quantity, in memory of fixed size:
// shares of runs by bucket of time, distributions of durations, hours of slow
// drift and times at which something recurs. It judges nothing but deviations
// from that; what they mean is the matter of the packages that import it.
//
// Times are buckets, numbered from the epoch; a bucket is half the window of the
// engine, five seconds by default.
package baseline
