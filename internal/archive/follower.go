// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/panics"
)

const (
	// pollRows is how many records are read at once.
	pollRows = 2048
	// blockBytes is about how much of records one block holds: what a reader of few
	// records has to fetch.
	blockBytes = 1 << 20
)

// writing is what all followers share.
type writing struct {
	layout
	epoch    uint64
	compress compressor
	options  *Options
	uploads  *uploader
	stats    *stats
}

// group is the records of one service and hour.
type group struct{ service, hour string }

// follower archives one signal.
type follower[Row any] struct {
	writing
	codec codec[Row]
	tail  source[Row]

	groups map[group][]Row
	rows   int
	bytes  int
	begun  time.Time // when the first of them was read
	first  uint64    // sequence behind which they begin
}

func newFollower[Row any](shared writing, c codec[Row], from source[Row]) *follower[Row] {
	return &follower[Row]{writing: shared, codec: c, tail: from, groups: map[group][]Row{}, first: from.Position()}
}

// poll implements stream.
func (f *follower[Row]) poll(ctx context.Context) error {
	for {
		rows, lost, more := f.tail.Poll(pollRows)
		f.stats.drop(f.codec.signal, reasonEvicted, lost)
		f.add(rows)
		if f.bytes >= f.options.FlushBytes {
			if err := f.flush(ctx); err != nil {
				return err
			}
		}
		if len(rows) == 0 && lost == 0 && !more {
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	if f.rows > 0 && f.options.Now().Sub(f.begun) >= f.options.FlushInterval {
		return f.flush(ctx)
	}
	return ctx.Err()
}

func (f *follower[Row]) add(rows []Row) {
	if len(rows) == 0 {
		return
	}
	if f.rows == 0 {
		f.begun = f.options.Now()
	}
	for i := range rows {
		g := group{f.codec.service(&rows[i]), hourOf(f.codec.when(&rows[i]))}
		f.groups[g] = append(f.groups[g], rows[i])
		f.bytes += f.codec.size(&rows[i])
	}
	f.rows += len(rows)
	f.stats.wait(f.codec.signal, f.rows)
}

// object is what is written of one group.
type object struct {
	index objectIndex
	body  []byte
}

// flush implements stream. What could not be written because the context ended is still
// gathered afterwards, and is written under the same names by the next call.
func (f *follower[Row]) flush(ctx context.Context) error {
	if f.rows > 0 {
		if err := f.write(ctx); err != nil {
			return err
		}
	}
	f.first = f.tail.Position()
	f.groups, f.rows, f.bytes = map[group][]Row{}, 0, 0
	f.stats.wait(f.codec.signal, 0)
	if err := f.options.Positions.set(f.codec.signal, f.epoch, f.first); err != nil {
		f.options.Report("failed to write how far the archive is: records are archived again after a restart", err)
	}
	return nil
}

// rest implements stream.
func (f *follower[Row]) rest() (signal string, records uint64) {
	records = uint64(f.rows)
	for {
		rows, lost, more := f.tail.Poll(pollRows)
		records += uint64(len(rows)) + lost
		if len(rows) == 0 && lost == 0 && !more {
			return f.codec.signal, records
		}
	}
}

// write writes the objects of all groups, and then the indexes of all hours. One group at
// a time is encoded, so that little memory is needed.
func (f *follower[Row]) write(ctx context.Context) error {
	name := nameOf(f.epoch, f.first)
	hours := map[string]*index{}
	var records, bytes, failed uint64
	for _, g := range f.sorted() {
		made, err := f.encode(g, name)
		if err != nil {
			failed += uint64(len(f.groups[g]))
			f.options.Report("failed to encode records for the archive, they are left out", err)
			continue
		}
		if err := f.uploads.put(ctx, made.index.Key, made.body); err != nil {
			return err
		}
		records, bytes = records+made.index.records(), bytes+uint64(len(made.body))
		if hours[g.hour] == nil {
			hours[g.hour] = &index{Version: indexVersion, Signal: f.codec.signal, Hour: g.hour}
		}
		hours[g.hour].Objects = append(hours[g.hour].Objects, made.index)
	}
	for hour, x := range hours {
		encoded, err := x.encode(f.compress)
		if err != nil {
			return err
		}
		if err := f.uploads.put(ctx, f.index(f.codec.signal, hour, name), encoded); err != nil {
			return err
		}
	}
	f.stats.archive(f.codec.signal, records, bytes)
	f.stats.drop(f.codec.signal, reasonEncoding, failed)
	return nil
}

func (f *follower[Row]) sorted() []group {
	groups := make([]group, 0, len(f.groups))
	for g := range f.groups {
		groups = append(groups, g)
	}
	slices.SortFunc(groups, func(a, b group) int { return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.service, b.service)) })
	return groups
}

// encode makes the object of a group.
func (f *follower[Row]) encode(g group, name string) (made object, err error) {
	made = object{index: objectIndex{Service: g.service, Key: f.data(f.codec.signal, g.service, g.hour, name)}}
	rows := f.groups[g]
	for len(rows) > 0 {
		n, size := 0, 0
		b := block{Offset: int64(len(made.body)), First: f.codec.when(&rows[0])}
		for n < len(rows) && (n == 0 || size < blockBytes) {
			at := f.codec.when(&rows[n])
			b.First, b.Last = min(b.First, at), max(b.Last, at)
			size += f.codec.size(&rows[n])
			n++
		}
		var encoded []byte
		if panicked := panics.Catch(func() { encoded, err = f.codec.marshal(rows[:n]) }); panicked != nil {
			err = panicked
		}
		if err != nil {
			return made, fmt.Errorf("encode %s of %q: %w", f.codec.signal, g.service, err)
		}
		made.body = f.compress.append(made.body, encoded)
		b.Length, b.Records = int64(len(made.body))-b.Offset, n
		made.index.Blocks = append(made.index.Blocks, b)
		rows = rows[n:]
	}
	return made, nil
}

var _ source[model.Event] = tail[model.Event]{}
