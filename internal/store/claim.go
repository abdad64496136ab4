// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import "context"

// Claim is the right to fill a store.
type Claim struct {
	Store *Store
	// Await waits until the store is sure to stay in use. After an error, which is a gRPC status or that of
	// the context, nothing may be stored, and the sender must send the records again.
	Await   func(ctx context.Context) error
	Release func()
}
