// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package wal is the write-ahead log of the store: what is appended to the store is
// appended to it, too, until the store has written it to files of its own.
//
// The log is files of records. A file begins with a header that has the version of
// the format and a marker, chosen by chance, which each record of the file begins
// with. A record has a header and a payload, each with a CRC-32C, so that a reader
// finds what is damaged, passes over it, and goes on with the next record. Numbers
// are little-endian. The log does not know what a payload means.
//
// One goroutine writes. In sync mode those who append wait for it, and one sync
// serves all that wait; else it writes soon after and syncs twice a second.
package wal
