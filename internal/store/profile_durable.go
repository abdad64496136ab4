// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"fmt"
	"time"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/profiles"
	"github.com/tapio/tapio/internal/store/rowcode"
	"github.com/tapio/tapio/internal/store/segmentfile"
	"github.com/tapio/tapio/internal/store/wal"
)

// signalProfiles names the signal in statistics and files.
const signalProfiles = "profiles"

// profileLog keeps profiles in a directory. A row, as the directory counts them, is a
// part of a profile.
type profileLog struct {
	*profiles.Store
	now     func() time.Time
	packer  *colenc.Packer
	journal journal
}

func newProfileLog(epoch uint64, packer *colenc.Packer, now func() time.Time) *profileLog {
	return &profileLog{Store: profiles.New(epoch, now), now: now, packer: packer, journal: journal{number: numberProfiles}}
}

// append stores profiles. An error means that not all are stored.
func (l *profileLog) append(list []model.Profile) (refused int, err error) {
	batches, refused := l.Prepare(list)
	for i := range batches {
		b := &batches[i]
		arrived := l.now()
		w := l.journal.ahead.Load()
		if w == nil {
			l.AppendBatch(0, b, arrived)
			continue
		}
		err := l.journal.write(w, b.Len(), arrived, func(e *rowcode.Encoder) { e.Encode(b.Encode) }, l.newest,
			func(first uint64) { l.AppendBatch(first, b, arrived) })
		if err != nil {
			return refused, err
		}
	}
	return refused, nil
}

func (l *profileLog) name() string { return signalProfiles }

func (l *profileLog) Place() uint8 { return l.journal.Place() }

func (l *profileLog) newest() uint64 { return l.Newest() }

func (l *profileLog) setLog(w *wal.Log) { l.journal.setLog(w) }

// pending returns volumes whole: a later file of one replaces the earlier file.
func (l *profileLog) pending(upTo uint64) *segmentfile.Image {
	volume := l.Pending(upTo)
	if volume == nil {
		return nil
	}
	dictionary, rows := l.packer.Pack(colenc.PackTight, nil, volume.Dictionary), l.packer.Pack(colenc.PackTight, nil, volume.Rows)
	m := &segmentfile.Image{Sections: profileSections(&dictionary, &rows), Header: segmentfile.Header{
		First: volume.First, Count: uint64(volume.Count), Oldest: uint64(volume.Oldest), Newest: uint64(volume.Newest),
		Opened: volume.Begun.UnixNano(), Arrived: volume.Latest.UnixNano(),
	}}
	copy(m.Header.Signal[:], l.name())
	return m
}

// profileSections are the parts of a volume in a file, both compressed.
func profileSections(dictionary, rows *[]byte) []segmentfile.Section {
	return []segmentfile.Section{segmentfile.SectionOf(1, dictionary), segmentfile.SectionOf(2, rows)}
}

func (l *profileLog) restore(h *segmentfile.Header, rest *bytes.Reader) (room bool, err error) {
	var dictionary, rows []byte
	if err := segmentfile.ReadSections(rest, h, profileSections(&dictionary, &rows)); err != nil {
		return false, err
	}
	defer func() {
		if fault := recover(); fault != nil {
			room, err = false, fmt.Errorf("contradicts itself: %v", fault)
		}
	}()
	return l.Restore(&profiles.Image{
		First: h.First, Count: int(h.Count), Oldest: model.Nanos(h.Oldest), Newest: model.Nanos(h.Newest),
		Begun: time.Unix(0, h.Opened), Latest: time.Unix(0, h.Arrived),
		Dictionary: l.packer.Unpack(colenc.PackTight, nil, dictionary), Rows: l.packer.Unpack(colenc.PackTight, nil, rows),
	})
}

func (l *profileLog) written(first uint64, count int) bool { return l.Written(first, count) }

func (l *profileLog) takeDoomed() []uint64 { return l.Doomed() }

func (l *profileLog) goOn(last uint64) { l.GoOn(last) }

func (l *profileLog) replay(h *wal.Header, payload []byte) error {
	last := l.newest()
	if h.First+uint64(h.Count)-1 <= last {
		return nil // it is in a file
	}
	packed, err := rowcode.UnpackPayload(payload)
	if err != nil {
		return err
	}
	b, err := profiles.DecodeBatch(packed, h.Count)
	if err != nil {
		return err
	}
	if h.First <= last {
		b.From(last + 1 - h.First)
	}
	l.AppendBatch(max(h.First, last+1), &b, time.Unix(0, h.Arrived))
	return nil
}

func (l *profileLog) filed() uint64 {
	upTo, _ := l.Filed()
	return upTo
}

func (l *profileLog) unfiled() int {
	_, unfiled := l.Filed()
	return unfiled
}

// takeDamaged has nothing to return: volumes are read as a whole when they are restored.
func (l *profileLog) takeDamaged() map[uint64]error { return nil }

func (l *profileLog) unfile() { l.Unfile() }

func (l *profileLog) compactAll() { l.Compact() }
