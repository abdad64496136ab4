// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package redisstate shares state between several servers through Redis: who evaluates
// rules, which notifications were sent, which batches were stored, how many requests
// services answered, and a stream of incidents for other programs.
//
// Redis is never needed: while it does not answer, each server goes on alone, as it does
// without this package.
package redisstate
