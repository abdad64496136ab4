// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package slo

import (
	"bytes"
	"encoding/gob"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tapio/tapio/internal/model"
)

const stateFile = "slos.gob"

// saved is what the file holds.
type saved struct {
	Series []savedSeries
}

type savedSeries struct {
	Objective Objective
	History   history
	Firing    map[string]model.Nanos
}

// Open makes the tracker keep its counts in a directory, and reads those that it
// holds. A damaged file is an error, and is started again.
func (t *Tracker) Open(directory string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	t.path = filepath.Join(directory, stateFile)
	content, err := os.ReadFile(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var file saved
	if err := gob.NewDecoder(bytes.NewReader(content)).Decode(&file); err != nil {
		return err
	}
	for _, s := range file.Series {
		if !s.valid() || !t.wanted(&s.Objective) || !t.take(seriesBytes) {
			continue
		}
		if s.Firing == nil {
			s.Firing = map[string]model.Nanos{}
		}
		t.series[s.Objective.ID()] = &series{Objective: s.Objective, History: s.History, Firing: s.Firing}
	}
	return nil
}

// valid reports whether the rings have the form that this version counts in.
func (s *savedSeries) valid() bool {
	fresh := newHistory(s.Objective.Window)
	return s.History.Fine.Width == fresh.Fine.Width && len(s.History.Fine.Buckets) == len(fresh.Fine.Buckets) &&
		s.History.Coarse.Width == fresh.Coarse.Width && len(s.History.Coarse.Buckets) == len(fresh.Coarse.Buckets)
}

// Save writes the counts to the file, if there is one.
func (t *Tracker) Save() {
	path, content, err := t.encode()
	if path == "" {
		return
	}
	if err == nil {
		err = replaceFile(path, content)
	}
	if err != nil {
		t.options.Failed(err)
	}
}

func (t *Tracker) encode() (path string, content []byte, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.path == "" {
		return "", nil, nil
	}
	var file saved
	for _, s := range t.series {
		file.Series = append(file.Series, savedSeries{s.Objective, s.History, s.Firing})
	}
	var buffer bytes.Buffer
	err = gob.NewEncoder(&buffer).Encode(file)
	return t.path, buffer.Bytes(), err
}

// replaceFile writes a file so that a crash leaves the old or the new one.
func replaceFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	temporary := path + ".tmp"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return os.Rename(temporary, path)
}
