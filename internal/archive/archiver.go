// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"time"

	"github.com/tapio/tapio/internal/archive/bucket"
	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/query"
)

// Options are how an Archiver works. All fields but Prefix are required.
type Options struct {
	Bucket bucket.Bucket
	Prefix string
	// Signals are those that are archived.
	Signals []string
	// FlushBytes is how much of one signal is gathered before it is written, FlushInterval
	// how long a record waits at most.
	FlushBytes    int
	FlushInterval time.Duration
	// Timeout is how long one request to the bucket may take. A failed one is repeated
	// after Backoff, twice as long each time, up to MaxBackoff.
	Timeout             time.Duration
	Backoff, MaxBackoff time.Duration
	// Positions is how far each signal was archived.
	Positions *Positions
	// Failing is called when requests begin to fail, and with nil when they succeed again.
	Failing func(err error)
	// Report is called with other problems, none of which ends the work.
	Report func(problem string, err error)
	Now    func() time.Time
}

// pollInterval is how often an archiver looks for new records. They wait in the store
// meanwhile.
const pollInterval = time.Second

// ProfileTail reads profiles in the order of their arrival.
type ProfileTail interface {
	Poll(limit int) (list []model.Profile, lost uint64, more bool)
	Position() uint64
}

// Store is what is archived.
type Store interface {
	query.Tailer
	Epoch() uint64
}

// Archiver copies what a store holds, and what is stored later, to a bucket. Make it with
// NewArchiver.
type Archiver struct {
	options Options
	streams []stream
	uploads *uploader
	stats   *stats
}

// stream is the records of one signal.
type stream interface {
	// poll reads what is new, and writes what is enough. It returns the context's error.
	poll(ctx context.Context) error
	// flush writes all that was read.
	flush(ctx context.Context) error
	// rest returns the signal, and how many records of it are stored and not archived. It
	// passes over them.
	rest() (signal string, records uint64)
}

// NewArchiver makes an archiver that goes on where the positions are.
func NewArchiver(ctx context.Context, from Store, profiles func(after uint64) ProfileTail, options Options) (*Archiver, error) {
	compress, err := newCompressor()
	if err != nil {
		return nil, err
	}
	a := &Archiver{options: options, stats: newStats(options.Signals)}
	a.uploads = &uploader{options: &a.options, stats: a.stats}
	epoch := from.Epoch()
	shared := writing{
		layout: newLayout(options.Prefix), epoch: epoch, compress: compress, options: &a.options, uploads: a.uploads, stats: a.stats,
	}
	for _, signal := range options.Signals {
		start := model.Start{Resume: true, After: options.Positions.of(signal, epoch)}
		switch signal {
		case Logs:
			a.streams = append(a.streams, newFollower(shared, eventCodec(), tailOf(from.TailRecords(ctx, model.EventQuery{}, start))))
		case Traces:
			a.streams = append(a.streams, newFollower(shared, spanCodec(), tailOf(from.TailSpans(ctx, model.TraceQuery{}, start))))
		case Metrics:
			a.streams = append(a.streams, newFollower(shared, pointCodec(), tailOf(from.TailPoints(ctx, model.PointQuery{}, start))))
		case Profiles:
			a.streams = append(a.streams, newFollower[model.Profile](shared, profileCodec(), profiles(start.After)))
		}
	}
	return a, nil
}

// Run archives until the context ends.
func (a *Archiver) Run(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		for _, s := range a.streams {
			if s.poll(ctx) != nil {
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// Flush writes all that is stored now, as far as the context allows. Run must have ended.
func (a *Archiver) Flush(ctx context.Context) error {
	var errs []error
	for _, s := range a.streams {
		err := s.poll(ctx)
		if err == nil {
			err = s.flush(ctx)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Rest returns how many records are stored and not archived, by signal, after a Flush that
// failed. The archiver is of no use afterwards.
func (a *Archiver) Rest() map[string]uint64 {
	all := map[string]uint64{}
	for _, s := range a.streams {
		if signal, records := s.rest(); records > 0 {
			all[signal] = records
		}
	}
	return all
}

// source is a tail of any signal.
type source[Row any] interface {
	Poll(limit int) (rows []Row, lost uint64, more bool)
	Position() uint64
}

// tail is a live tail as a source.
type tail[Row any] struct{ query.Tail[Row] }

func tailOf[Row any](of query.Tail[Row]) tail[Row] { return tail[Row]{of} }

// Poll implements source.
func (t tail[Row]) Poll(limit int) (rows []Row, lost uint64, more bool) {
	rows, loss, more := t.Tail.Poll(limit)
	return rows, loss.Count, more
}
