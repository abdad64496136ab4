// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"google.golang.org/protobuf/proto"

	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// notesField is the field of answers that reports about their sources.
const notesField = "notes"

// Notes returns the messages of notes.
func Notes(notes []query.Note) []*tapiov1.SourceNote {
	var list []*tapiov1.SourceNote
	for _, note := range notes {
		list = append(list, &tapiov1.SourceNote{Source: note.Source, State: tapiov1.SourceNote_State(note.State), Message: note.Message})
	}
	return list
}

// SetNotes adds notes to an answer that has a field for them.
func SetNotes(answer proto.Message, notes []query.Note) {
	if len(notes) == 0 {
		return
	}
	m := answer.ProtoReflect()
	field := m.Descriptor().Fields().ByName(notesField)
	if field == nil || !field.IsList() {
		return
	}
	list := m.Mutable(field).List()
	for _, note := range Notes(notes) {
		value := list.NewElement()
		proto.Merge(value.Message().Interface(), note)
		list.Append(value)
	}
}

// NotesOf returns the notes of an answer.
func NotesOf(answer proto.Message) (notes []query.Note) {
	noted, ok := answer.(interface{ GetNotes() []*tapiov1.SourceNote })
	if !ok {
		return nil
	}
	for _, note := range noted.GetNotes() {
		notes = append(notes, query.Note{Source: note.GetSource(), State: query.SourceState(note.GetState()), Message: note.GetMessage()})
	}
	return notes
}
