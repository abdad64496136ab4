// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// uploader writes objects, and tries again until it succeeds.
type uploader struct {
	options *Options
	stats   *stats
	failing bool
}

// put writes an object. The error is the context's, with the latest failure.
func (u *uploader) put(ctx context.Context, key string, body []byte) error {
	wait := u.options.Backoff
	for {
		err := u.attempt(ctx, key, body)
		if err == nil {
			if u.failing {
				u.failing = false
				u.options.Failing(nil)
			}
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		u.stats.fail()
		if !u.failing {
			u.failing = true
			u.options.Failing(err)
		}
		if !sleep(ctx, wait) {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		wait = min(2*wait, u.options.MaxBackoff)
	}
}

func (u *uploader) attempt(ctx context.Context, key string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, u.options.Timeout)
	defer cancel()
	if err := u.options.Bucket.Put(ctx, key, body); err != nil {
		return fmt.Errorf("write %s: %w", key, err)
	}
	return nil
}

// sleep waits for about so long. It returns false if the context ends before.
func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait/2 + rand.N(wait/2+1))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
