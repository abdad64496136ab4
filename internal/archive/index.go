// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"encoding/json"
	"fmt"

	"github.com/tapio/tapio/internal/model"
)

// indexVersion is that of the format of objects and indexes.
const indexVersion = 1

// index lists the objects that were written together for one signal and hour.
type index struct {
	Version int           `json:"version"`
	Signal  string        `json:"signal"`
	Hour    string        `json:"hour"`
	Objects []objectIndex `json:"objects"`
}

// objectIndex describes the object of one service.
type objectIndex struct {
	Service string  `json:"service"`
	Key     string  `json:"key"`
	Blocks  []block `json:"blocks"`
}

// block is a part of an object that can be read alone.
type block struct {
	Offset  int64       `json:"offset"`
	Length  int64       `json:"length"`
	Records int         `json:"records"`
	First   model.Nanos `json:"first"` // the earliest time of its records
	Last    model.Nanos `json:"last"`
}

func (o *objectIndex) records() (n uint64) {
	for i := range o.Blocks {
		n += uint64(o.Blocks[i].Records)
	}
	return n
}

func (o *objectIndex) bytes() (n int64) {
	for i := range o.Blocks {
		n += o.Blocks[i].Length
	}
	return n
}

func (x *index) encode(c compressor) ([]byte, error) {
	text, err := json.Marshal(x)
	if err != nil {
		return nil, fmt.Errorf("encode the index: %w", err)
	}
	return c.append(nil, text), nil
}

func decodeIndex(data []byte) (*index, error) {
	text, err := decompress(data)
	if err != nil {
		return nil, err
	}
	x := &index{}
	if err := json.Unmarshal(text, x); err != nil {
		return nil, err
	}
	if x.Version != indexVersion {
		return nil, fmt.Errorf("version %d is not supported, this program reads version %d", x.Version, indexVersion)
	}
	return x, nil
}
