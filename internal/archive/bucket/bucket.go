// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package bucket is what an archive needs of an object store.
package bucket

import (
	"context"
	"errors"
)

// ErrNotFound is what Read returns for an object that does not exist.
var ErrNotFound = errors.New("object not found")

// Object describes one object of a bucket.
type Object struct {
	Key  string
	Size int64
}

// Bucket is what the archive needs of an object store. Its methods do not retry.
type Bucket interface {
	// Put writes an object as a whole, in the place of one of the same key.
	Put(ctx context.Context, key string, body []byte) error
	// Read returns length bytes of an object. Fewer bytes MUST be an error.
	Read(ctx context.Context, key string, offset, length int64) ([]byte, error)
	// List calls use with the objects whose keys begin with prefix and are greater than
	// after, in the order of their keys, until use returns false.
	List(ctx context.Context, prefix, after string, use func(Object) bool) error
}
