// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
)

// pointChunks is how many chunks a log of points has at least while they are
// rows. Compacted, a chunk is an eighth of that or less.
const pointChunks = 16

// pointLog is the metric points in the order of their arrival, and the series
// that they belong to.
type pointLog struct {
	chain[*pointChunk] // its bytes are without those of the registry
	journal

	now  func() time.Time
	bell bell
	lost atomic.Uint64

	// writing is held by anyone who appends or retires, before mu.
	writing   sync.Mutex
	closed    []*pointChunk  // to be compacted; guarded by writing
	compactor sync.WaitGroup // the one chunk that is being compacted; begun under writing
	origins   batchOrigins   // scratch of the writer

	registry registry
	head     *pointChunk // the last of chunks while it may be written, else nil
	number   uint32      // of the newest chunk

	directory *directory // nil: the store is in memory only
	panics    *panicReport
	packer    *colenc.Packer
}

func newPointLog(packer *colenc.Packer, now func() time.Time) *pointLog {
	return &pointLog{
		chain: newChain[*pointChunk](), journal: journal{number: numberMetrics}, now: now, packer: packer,
	}
}

// batchOrigins are the origins of a batch, by place, as far as they were looked up.
type batchOrigins []origin

// forget has the batch's origins looked up again: what the registry knew of them may be
// gone.
func (o *batchOrigins) forget(n int) {
	*o = slices.Grow((*o)[:0], n)[:n]
	clear(*o)
}

func (o batchOrigins) of(r *registry, b *model.PointBatch, p *model.PackedPoint) *origin {
	known := &o[p.Origin]
	if !known.ready {
		*known = r.findOrigin(b, &b.Origins[p.Origin])
	}
	return known
}

// add stores one row, or reports that it is larger than the log may be. The
// oldest rows make room before, so that the bound holds at every moment.
func (l *pointLog) add(b *model.PointBatch, p *model.PackedPoint, arrived time.Time) bool {
	o := l.origins.of(&l.registry, b, p)
	slot, known := l.registry.find(b, o, p.Attributes)
	extra := b.Extra(p)
	for {
		l.turnHead(len(extra))
		cost := l.cost(b, p, o, slot, known)
		if l.size()+cost <= l.capacity {
			break
		}
		if len(l.chunks) == 0 {
			return false
		}
		l.dropOldest(reasonSize)
		l.origins.forget(len(b.Origins))
		o = l.origins.of(&l.registry, b, p)
		slot, known = l.registry.find(b, o, p.Attributes)
	}
	if !known {
		slot = l.registry.add(b, o, p.Attributes, l.last+1)
	}
	l.put(pointRow{
		time: p.Time, start: p.Start, bits: p.Bits, series: slot, flags: p.Flags, number: p.Number,
	}, extra, arrived)
	return true
}

// size is the bytes held in all.
func (l *pointLog) size() int64 { return l.bytes + l.registry.size() }

// cost is at least what the row would add.
func (l *pointLog) cost(b *model.PointBatch, p *model.PackedPoint, o *origin, slot uint32, known bool) (cost int64) {
	head, newMember := l.head, true
	if head == nil {
		head = &pointChunk{}
		cost = chunkBytes
	} else if known {
		newMember = l.registry.series.at(slot).mark != head.number
	}
	if !known {
		cost += l.registry.cost(b, o, p.Attributes)
	}
	return cost + head.cost(int(p.ExtraTo-p.ExtraFrom), newMember)
}

// turnHead closes the head where a row with so much extra would make it too
// large. Such a row is alone in a head of its own.
func (l *pointLog) turnHead(extra int) {
	if l.head == nil || l.head.count == 0 {
		return
	}
	full := l.head.count == maxPointRows || l.head.size()+l.head.cost(extra, true) > l.chunkLimit()
	if full {
		l.closeHead()
	}
}

func (l *pointLog) put(row pointRow, extra []byte, arrived time.Time) {
	if l.head == nil {
		l.number++
		l.head = &pointChunk{number: l.number, span: span{first: l.last + 1, opened: arrived}}
		l.chunks = append(l.chunks, l.head)
		l.bytes += l.head.size()
	}
	e := l.registry.series.at(row.series)
	newMember := e.mark != l.head.number
	if newMember {
		e.mark = l.head.number
		e.refs++
	}
	l.bytes += l.head.cost(len(extra), newMember)
	l.head.put(row, extra, newMember, arrived)
	l.last++
	l.rows++
	l.appended++
}

func (l *pointLog) chunkLimit() int64 {
	return min(max(l.capacity/pointChunks, minChunkBytes), maxChunkBytes, l.capacity)
}

func (l *pointLog) closeHead() {
	if l.head != nil {
		l.bytes -= l.head.size()
		l.head.close()
		l.bytes += l.head.size()
		l.closed = append(l.closed, l.head)
		l.head = nil
	}
}

// compactClosed makes segments of the chunks that were closed, beside the writer;
// one that fills a chunk before the last one is compacted waits, so that rows to be
// compacted do not pile up. The caller holds writing; readers see the rows all the
// while.
func (l *pointLog) compactClosed() {
	for _, c := range l.closed {
		l.compactor.Wait()
		l.compactor.Go(func() { l.panics.contain(func() { l.replace(c, compactPoints(c.rows, c.extra)) }) })
	}
	clear(l.closed)
	l.closed = l.closed[:0]
}

// replace puts the segment in the place of the chunk's rows, if the chunk was
// not evicted meanwhile.
func (l *pointLog) replace(c *pointChunk, s *pointSegment) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, found := l.chunkOf(c.first); found && l.chunks[i] == c {
		l.bytes -= c.size()
		c.replace(s)
		l.bytes += c.size()
		if l.directory != nil {
			c.files.state = fileReady
		}
	}
	l.directory.wakeUp()
}

func (l *pointLog) dropOldest(reason string) {
	oldest := l.chunks[0]
	if oldest == l.head {
		l.head = nil
	}
	l.chunks[0] = nil // the array outlives the chunk
	l.chunks = l.chunks[1:]
	l.rows -= oldest.count
	l.bytes -= oldest.size()
	l.evicted[reason] += uint64(oldest.count)
	if len(l.chunks) == 0 {
		l.emptied = l.now()
	}
	for slot := range oldest.eachMember {
		l.registry.release(slot)
	}
	l.registry.shrink()
	if files := oldest.files.all(oldest.first); len(files) > 0 {
		l.doomed = append(l.doomed, files...)
		l.directory.wakeUp()
	}
}

func (l *pointLog) setLimits(capacity int64, maxAge time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.capacity, l.maxAge = max(capacity, 0), maxAge
	for l.size() > l.capacity && len(l.chunks) > 0 {
		l.dropOldest(reasonSize)
	}
}

func (l *pointLog) retire() {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.retireChunks()
	l.compactClosed()
}

func (l *pointLog) retireChunks() {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.maxAge <= 0 {
		return
	}
	if l.head != nil && now.Sub(l.head.opened) > l.maxAge/chunksPerAge {
		l.closeHead()
	}
	for len(l.chunks) > 0 && now.Sub(l.chunks[0].arrived) > l.maxAge {
		l.dropOldest(reasonAge)
	}
}
