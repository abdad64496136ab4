// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package dedup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
)

// Shared is a window that several servers have together, and that outlives a restart.
type Shared interface {
	// Enter returns the outcome of a batch that any server stored. Else the caller stores
	// it, and calls Settle.
	Enter(ctx context.Context, batch string) (known Outcome, stored bool)
	// Settle notes the outcome, or with nil that nothing was stored.
	Settle(ctx context.Context, batch string, outcome *Outcome)
}

// SharedName names a batch alike on all servers.
func SharedName(parts ...[]byte) string {
	hash := sha256.New()
	for _, part := range parts {
		var size [8]byte
		binary.LittleEndian.PutUint64(size[:], uint64(len(part)))
		hash.Write(size[:])
		hash.Write(part)
	}
	return hex.EncodeToString(hash.Sum(nil))
}

// EnterShared is Enter for batches that other servers may have stored. Without shared it is
// Enter.
func (w *Window) EnterShared(ctx context.Context, shared Shared, parts ...[]byte) (known Outcome, settle func(*Outcome), err error) {
	known, settleHere, err := w.Enter(ctx, w.KeyOf(parts...))
	if err != nil || settleHere == nil || shared == nil {
		return known, settleHere, err
	}
	name := SharedName(parts...)
	if outcome, stored := shared.Enter(ctx, name); stored {
		settleHere(&outcome)
		return outcome, nil, nil
	}
	return Outcome{}, func(outcome *Outcome) {
		shared.Settle(context.WithoutCancel(ctx), name, outcome)
		settleHere(outcome)
	}, nil
}
