// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// fault is one labelled injection. Only the score sees the label.
type fault struct {
	Case    string `json:"case"`
	At      uint64 `json:"inject_time_unix_nano"`
	Service string `json:"service"`
	Type    string `json:"type"`
}

// lasting is how long after the injection the cause is asked for.
const lasting = 3 * time.Minute

func (f *fault) end() uint64 { return f.At + uint64(lasting) }

// folder is one data set: a day with its faults.
type folder struct {
	path   string
	faults []fault
	by     *disturbance
}

// foldersUnder finds the data sets under a folder, or in it.
func foldersUnder(root string) ([]folder, error) {
	var found []folder
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "faults.json" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		set := folder{path: filepath.Dir(path)}
		if err := json.Unmarshal(data, &set.faults); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		found = append(found, set)
		return nil
	})
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("there is no faults.json under %s: set DATA to a folder of data sets", root)
	}
	return found, err
}

// read takes the lines of a file of the data set into the timeline, so far as
// they lie before end; a file that is missing has none.
func (f *folder) read(name string, take func(line []byte) error) error {
	file, err := os.Open(filepath.Join(f.path, name+".jsonl.gz"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	plain, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", file.Name(), err)
	}
	lines := bufio.NewScanner(plain)
	lines.Buffer(make([]byte, 1<<20), 256<<20)
	for lines.Scan() {
		if len(lines.Bytes()) == 0 {
			continue
		}
		if err := take(f.by.renamed(lines.Bytes())); err != nil {
			return fmt.Errorf("%s: %w", file.Name(), err)
		}
	}
	return lines.Err()
}

// records reads traces and logs of a part: "baseline" or a case.
func (f *folder) records(part string) (*timeline, error) {
	line := newTimeline(f.by)
	return line, errors.Join(
		f.read(part+".traces", line.addTraces), f.read(part+".logs", line.addLogs))
}

// past reads the metrics of the day, and the fault-free minute.
func (f *folder) past() (metrics, baseline *timeline, err error) {
	metrics = newTimeline(f.by)
	if err := f.read("metrics", metrics.addMetrics); err != nil {
		return nil, nil, err
	}
	baseline, err = f.records("baseline")
	return metrics, baseline, err
}

// learnNames finds the names of all services, so that they can be renamed in
// whatever names them.
func (f *folder) learnNames() error {
	if !f.by.rename {
		return nil
	}
	learn := func(line []byte) error {
		f.by.learn(line)
		return nil
	}
	parts := []string{"metrics", "baseline.traces", "baseline.logs"}
	for _, fault := range f.faults {
		parts = append(parts, fault.Case+".traces", fault.Case+".logs")
	}
	for _, part := range parts {
		if err := f.read(part, learn); err != nil {
			return err
		}
	}
	f.by.learned()
	return nil
}

// sorted returns the faults by time, with the names that services have now.
func (f *folder) sorted() []fault {
	list := slices.Clone(f.faults)
	for i := range list {
		list[i].Service = f.by.name(list[i].Service)
	}
	slices.SortFunc(list, func(a, b fault) int { return int(int64(a.At) - int64(b.At)) })
	return list
}
