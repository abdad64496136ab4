// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package notify

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

const (
	maxAlerts = 10_000
	// compactFrom is the size of a journal from which on it is rewritten, once
	// it is twice as long as what it holds.
	compactFrom = 1 << 20
	// maxLine is the longest entry that is read.
	maxLine = 64 << 20

	journalFile = "notifications.jsonl"
)

// Journal is what outlives a Manager: alerts, silences and the messages that wait. One
// manager uses it at a time.
type Journal struct {
	// Position is the last record of the store that was read, 0 before the first.
	Position uint64
	Alerts   map[string]*tracked
	Silences map[string]*Silence
	Messages map[string]*message
	Sequence uint64

	path      string // of the journal, "" for none
	file      *os.File
	written   int64
	compacted int64 // size after the last compaction
	report    func(err error)
	failing   bool
}

// entry is one change of the state, a line of the journal.
type entry struct {
	Position uint64     `json:"position,omitempty"`
	Alerts   []*tracked `json:"alerts,omitempty"`
	Forget   []string   `json:"forget,omitempty"` // alerts
	Messages []*message `json:"messages,omitempty"`
	Done     []string   `json:"done,omitempty"` // messages
	Silence  *Silence   `json:"silence,omitempty"`
}

func (e *entry) empty() bool {
	return e.Position == 0 && len(e.Alerts)+len(e.Forget)+len(e.Messages)+len(e.Done) == 0 && e.Silence == nil
}

// NewJournal makes a journal that is kept in memory only.
func NewJournal() *Journal {
	return &Journal{
		Alerts: map[string]*tracked{}, Silences: map[string]*Silence{}, Messages: map[string]*message{}, report: func(error) {},
	}
}

// OpenJournal reads the journal that the directory holds. damaged is how many lines of
// its journal could not be read, the last of which a crash may have cut.
func OpenJournal(directory string) (s *Journal, damaged int, err error) {
	s = NewJournal()
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, 0, err
	}
	s.path = filepath.Join(directory, journalFile)
	content, err := os.ReadFile(s.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, 0, err
	}
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e entry
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			damaged++
			continue
		}
		s.apply(&e)
	}
	if lines.Err() != nil {
		damaged++
	}
	for _, t := range s.Alerts {
		t.restored = true
	}
	return s, damaged, s.compact()
}

// Persistent reports whether the state survives the end of the process.
func (s *Journal) Persistent() bool { return s.path != "" }

// apply makes the change in memory.
func (s *Journal) apply(e *entry) {
	s.Position = max(s.Position, e.Position)
	for _, t := range e.Alerts {
		s.Alerts[t.Alert.ID] = t
	}
	for _, id := range e.Forget {
		delete(s.Alerts, id)
	}
	for _, msg := range e.Messages {
		s.Messages[msg.ID] = msg
		s.Sequence = max(s.Sequence, msg.Sequence)
	}
	for _, id := range e.Done {
		delete(s.Messages, id)
	}
	if e.Silence != nil {
		s.Silences[e.Silence.ID] = e.Silence
	}
}

// record makes a change and writes it to the journal.
func (s *Journal) record(e entry) {
	if e.empty() {
		return
	}
	s.apply(&e)
	if s.path == "" {
		return
	}
	if err := s.append(&e); err != nil {
		if !s.failing {
			s.failing = true
			s.report(err)
		}
		return
	}
	s.failing = false
}

func (s *Journal) append(e *entry) error {
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if s.file == nil || s.failing || s.written > compactFrom && s.written > 2*s.compacted {
		return s.compact() // holds the change already
	}
	n, err := s.file.Write(append(line, '\n'))
	s.written += int64(n)
	if err != nil {
		return err
	}
	return s.file.Sync()
}

// compact rewrites the journal with the current state.
func (s *Journal) compact() error {
	var content bytes.Buffer
	encoder := json.NewEncoder(&content)
	whole := entry{Position: s.Position, Messages: s.waiting()}
	for _, t := range s.Alerts {
		whole.Alerts = append(whole.Alerts, t)
	}
	err := encoder.Encode(whole)
	for _, silence := range s.Silences {
		err = cmp.Or(err, encoder.Encode(entry{Silence: silence}))
	}
	if err != nil {
		return err
	}
	s.close()
	return s.replace(content.Bytes())
}

func (s *Journal) replace(content []byte) error {
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	temporary := s.path + ".tmp"
	file, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = errors.Join(err, file.Sync())
	if err = errors.Join(err, os.Rename(temporary, s.path)); err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", s.path, err), file.Close())
	}
	s.file, s.written, s.compacted = file, int64(len(content)), int64(len(content))
	return nil
}

func (s *Journal) close() {
	if s.file != nil {
		_ = s.file.Close() // every entry was synced
		s.file = nil
	}
}

// waiting are the messages that were not delivered, in their order.
func (s *Journal) waiting() []*message {
	list := make([]*message, 0, len(s.Messages))
	for _, msg := range s.Messages {
		list = append(list, msg)
	}
	slices.SortFunc(list, func(a, b *message) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return list
}

// find returns what is known of an alert. An incident that begins again under another
// id after a restart is the one that went on before, if its cause is the same.
func (s *Journal) find(a *Alert) *tracked {
	if t := s.Alerts[a.ID]; t != nil {
		return t
	}
	for _, t := range s.Alerts {
		if slices.Contains(t.Aliases, a.ID) {
			return t
		}
	}
	if a.Source != SourceIncident || len(a.Cause) == 0 || !a.State.active() {
		return nil
	}
	for _, t := range s.Alerts {
		if t.restored && t.Alert.State.active() && t.Alert.sameCause(a) {
			t.Aliases = append(t.Aliases, a.ID)
			return t
		}
	}
	return nil
}

func (a *Alert) sameCause(b *Alert) bool {
	return a.Source == b.Source && len(a.Cause) > 0 && len(b.Cause) > 0 &&
		a.Cause[0].Kind == b.Cause[0].Kind && a.Cause[0].Name == b.Cause[0].Name
}

// excess lists alerts that go because there are too many: those that are over first,
// then the oldest.
func (s *Journal) excess() []string {
	if len(s.Alerts) <= maxAlerts {
		return nil
	}
	all := make([]*tracked, 0, len(s.Alerts))
	for _, t := range s.Alerts {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b *tracked) int {
		if x, y := a.Alert.State.active(), b.Alert.State.active(); x != y {
			if y {
				return -1
			}
			return 1
		}
		return a.Alert.UpdatedAt.Compare(b.Alert.UpdatedAt)
	})
	var ids []string
	for _, t := range all[:len(all)-maxAlerts*9/10] {
		ids = append(ids, t.Alert.ID)
	}
	return ids
}
