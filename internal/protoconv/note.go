// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/internal/query"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// notesField is the field of answers that reports about their sources, and sourcesField
// the one with the tiers that took part.
const (
	notesField   = "notes"
	sourcesField = "sources"
)

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

// SetSources adds the tiers that took part to an answer that has a field for them.
func SetSources(answer proto.Message, sources []string) {
	if len(sources) == 0 {
		return
	}
	m := answer.ProtoReflect()
	field := m.Descriptor().Fields().ByName(sourcesField)
	if field == nil || !field.IsList() || field.Kind() != protoreflect.StringKind {
		return
	}
	list := m.Mutable(field).List()
	for _, source := range sources {
		list.Append(protoreflect.ValueOfString(source))
	}
}

// SourcesOf returns the tiers that took part in an answer.
func SourcesOf(answer proto.Message) []string {
	if from, ok := answer.(interface{ GetSources() []string }); ok {
		return from.GetSources()
	}
	return nil
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
