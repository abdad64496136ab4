// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/archive/bucket"
	"github.com/tapio/tapio/internal/panics"
)

// Restore appends the records of a selection to a sink, the earliest hour first, and calls
// report after each object; report may end the work with an error.
func (r *Restorer) Restore(ctx context.Context, s Selection, to Sink, report func(*Progress) error) (*Progress, error) {
	run := &restoring{Restorer: r, selection: s, progress: Progress{Records: map[string]uint64{}}}
	var all []*index
	if err := r.indexes(ctx, s, func(x *index) error {
		all = append(all, x)
		run.progress.TotalObjects += uint64(len(x.Objects))
		return nil
	}); err != nil {
		return &run.progress, err
	}
	slices.SortStableFunc(all, func(a, b *index) int { return cmp.Compare(a.Hour, b.Hour) })
	for _, x := range all {
		run.progress.Hour, _ = time.Parse(hourLayout, x.Hour)
		for i := range x.Objects {
			if err := run.object(ctx, x.Signal, &x.Objects[i], to); err != nil {
				return &run.progress, err
			}
			if err := report(&run.progress); err != nil {
				return &run.progress, err
			}
		}
	}
	return &run.progress, nil
}

// restoring is one call of Restore.
type restoring struct {
	*Restorer
	selection Selection
	progress  Progress
}

// object restores the selected records of one object.
func (r *restoring) object(ctx context.Context, signal string, o *objectIndex, to Sink) error {
	for i := range o.Blocks {
		b := &o.Blocks[i]
		if !r.selection.wants(b) {
			continue
		}
		data, err := r.block(ctx, o, b)
		switch {
		case errors.Is(err, bucket.ErrNotFound):
			r.progress.Missing++
			return nil
		case errors.Is(err, errDamaged):
			r.progress.Damaged++
			continue
		case err != nil:
			return fmt.Errorf("read %s: %w", o.Key, err)
		}
		if err := r.append(signal, data, to); err != nil {
			return err
		}
	}
	r.progress.Objects++
	return nil
}

// errDamaged is the error of a block that is not what was written.
var errDamaged = errors.New("damaged")

// block reads and decompresses a block. Bytes that do not fit their checksum are read
// again, for they may be those of a transfer that was cut.
func (r *restoring) block(ctx context.Context, o *objectIndex, b *block) (data []byte, err error) {
	err = r.try(ctx, func(ctx context.Context) error {
		read, err := r.Bucket.Read(ctx, o.Key, b.Offset, b.Length)
		if err != nil {
			return err
		}
		r.progress.Bytes += uint64(len(read))
		if data, err = decompress(read); err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		return nil
	})
	return data, err
}

// append decodes a block and stores the selected records of it.
func (r *restoring) append(signal string, data []byte, to Sink) error {
	switch signal {
	case Logs:
		return restore(r, eventCodec(), data, to.AppendEvents)
	case Traces:
		return restore(r, spanCodec(), data, to.AppendSpans)
	case Metrics:
		return restore(r, pointCodec(), data, to.AppendPoints)
	case Profiles:
		return restore(r, profileCodec(), data, to.AppendProfiles)
	default:
		return fmt.Errorf("%q is not a signal", signal)
	}
}

func restore[Row any](r *restoring, c codec[Row], data []byte, store func([]Row) (int, error)) error {
	var rows []Row
	var err error
	if panicked := panics.Catch(func() { rows, err = c.unmarshal(data) }); panicked != nil {
		err = panicked
	}
	if err != nil {
		r.progress.Damaged++
		return nil //nolint:nilerr // it is counted, and the other blocks are restored
	}
	rows = slices.DeleteFunc(rows, func(row Row) bool { return !r.selection.Times.Contains(c.when(&row)) })
	if len(rows) == 0 {
		return nil
	}
	refused, err := store(rows)
	r.progress.Refused += uint64(refused)
	r.progress.Records[c.signal] += uint64(len(rows))
	return err
}
