// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package segment

import (
	"encoding/binary"
	"slices"

	"github.com/tapio/tapio/internal/model"
	"github.com/tapio/tapio/internal/store/colenc"
	"github.com/tapio/tapio/internal/store/intern"
)

// shape is the keys and kinds of a list of attributes. Most records of a
// source have the same few.
type shape []field

// field is one attribute of a shape.
type field struct {
	Key    int // place of the key among the strings
	kind   model.Kind
	column int // place among all fields of the segment
}

// vocabulary is what the rows of a segment repeat, while it is written.
type vocabulary struct {
	strings   intern.Table[string]
	shapes    intern.Table[string] // encoded
	fields    intern.Table[[2]int] // key and kind
	resources intern.Table[*model.Resource]
	scopes    intern.Table[*model.Scope]
	latest    []latestField // by the place in the list
	found     []int         // the fields of these
	last      int           // the latest shape
	length    int           // of the latest list; -1: there was none
	scratch   []byte
}

// latestField is the latest attribute at some place.
type latestField struct {
	key  string
	kind model.Kind
}

func newVocabulary() vocabulary {
	v := vocabulary{
		strings: intern.NewTable[string](), shapes: intern.NewTable[string](), fields: intern.NewTable[[2]int](),
		resources: intern.NewTable[*model.Resource](), scopes: intern.NewTable[*model.Scope](),
		length: -1,
	}
	v.strings.Place("") // 0 in every column of strings
	return v
}

// shape numbers the shape of a list, and returns the fields it has. They stand
// until the next call.
func (v *vocabulary) shape(list model.Attributes) (shape int, fields []int) {
	if same := v.fieldsOf(list); same && len(list) == v.length {
		return v.last, v.found[:len(list)]
	}
	v.scratch = v.scratch[:0]
	for _, f := range v.found[:len(list)] {
		v.scratch = binary.AppendUvarint(v.scratch, uint64(f))
	}
	shape, known := v.shapes.Places[string(v.scratch)]
	if !known {
		shape = v.shapes.Place(string(v.scratch))
	}
	v.last, v.length = shape, len(list)
	return shape, v.found[:len(list)]
}

// fieldsOf looks up the fields of a list in latest and found, and reports whether
// they are those found there. Most lists are like the one before, and so need no
// search.
func (v *vocabulary) fieldsOf(list model.Attributes) (same bool) {
	same = true
	for len(v.latest) < len(list) {
		v.latest, v.found = append(v.latest, latestField{}), append(v.found, noField)
	}
	latest, found := v.latest[:len(list)], v.found[:len(list)]
	for i := range list {
		key, kind := list[i].Key, list[i].Kind()
		if l := &latest[i]; found[i] == noField || l.kind != kind || !colenc.SameText(l.key, key) {
			*l, same = latestField{key, kind}, false
			found[i] = v.fields.Place([2]int{v.strings.Place(key), int(kind)})
		}
	}
	return same
}

// namesService reports whether any record or scope has an attribute for its
// service.
func (v *vocabulary) namesService() bool {
	for _, f := range v.fields.Values {
		if v.strings.Values[f[0]] == serviceKey {
			return true
		}
	}
	return slices.ContainsFunc(v.scopes.Values, func(s *model.Scope) bool {
		_, found := s.Attributes.Get(serviceKey)
		return found
	})
}

// encode writes the vocabulary, and the values that fields have where they are
// few; Dictionary reads it.
func (v *vocabulary) encode(values []fieldValues) []byte {
	var shared []byte
	shared = binary.AppendUvarint(shared, uint64(len(v.resources.Values)))
	for _, r := range v.resources.Values {
		shared = v.appendResource(shared, r)
	}
	shared = binary.AppendUvarint(shared, uint64(len(v.scopes.Values)))
	for _, s := range v.scopes.Values {
		shared = v.appendScope(shared, s)
	}
	return colenc.Join(nil, [][]byte{v.encodeStrings(), v.encodeFields(), v.encodeShapes(), shared, encodeValues(values)})
}

func (v *vocabulary) encodeStrings() []byte {
	dst := binary.AppendUvarint(nil, uint64(len(v.strings.Values)))
	for _, s := range v.strings.Values {
		dst = colenc.AppendString(dst, s)
	}
	return dst
}

func (v *vocabulary) encodeFields() []byte {
	dst := binary.AppendUvarint(nil, uint64(len(v.fields.Values)))
	for _, f := range v.fields.Values {
		dst = append(binary.AppendUvarint(dst, uint64(f[0])), byte(f[1]))
	}
	return dst
}

func (v *vocabulary) encodeShapes() []byte {
	dst := binary.AppendUvarint(nil, uint64(len(v.shapes.Values)))
	for _, s := range v.shapes.Values {
		dst = colenc.AppendString(dst, s)
	}
	return dst
}

// appendResource numbers no string, for the strings are written after it: its
// texts stand in place.
func (v *vocabulary) appendResource(dst []byte, r *model.Resource) []byte {
	dst = colenc.AppendString(colenc.AppendAttributeList(dst, r.Attributes), r.SchemaURL)
	dst = binary.AppendUvarint(dst, uint64(r.DroppedAttributes))
	dst = binary.AppendUvarint(dst, uint64(len(r.EntityRefs)))
	for i := range r.EntityRefs {
		ref := &r.EntityRefs[i]
		dst = colenc.AppendString(colenc.AppendString(dst, ref.SchemaURL), ref.Type)
		dst = appendStrings(appendStrings(dst, ref.IDKeys), ref.DescriptionKeys)
	}
	return dst
}

func (v *vocabulary) appendScope(dst []byte, s *model.Scope) []byte {
	dst = colenc.AppendString(colenc.AppendString(colenc.AppendString(dst, s.Name), s.Version), s.SchemaURL)
	return binary.AppendUvarint(colenc.AppendAttributeList(dst, s.Attributes), uint64(s.DroppedAttributes))
}

func appendStrings(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = colenc.AppendString(dst, s)
	}
	return dst
}

// Dictionary is the vocabulary of a segment, as a reader has it.
type Dictionary struct {
	Strings   []string
	Fields    []field
	shapes    []shape
	Resources []*model.Resource
	Scopes    []*model.Scope

	packedValues colenc.Cursor
	known        []knownValues // read when first needed
}

func readDictionary(encoded []byte) *Dictionary {
	streams := colenc.Split(nil, encoded)
	d := &Dictionary{Strings: readStrings(&streams[0])}
	d.Fields = make([]field, streams[1].Count())
	for i := range d.Fields {
		d.Fields[i] = field{Key: int(streams[1].Uvarint()), kind: model.Kind(streams[1].Take(1)[0]), column: i}
	}
	d.shapes = make([]shape, streams[2].Count())
	for i := range d.shapes {
		for c := (colenc.Cursor{Bytes: streams[2].Text()}); len(c.Bytes) > 0; {
			d.shapes[i] = append(d.shapes[i], d.Fields[c.Uvarint()])
		}
	}
	d.readShared(&streams[3])
	if len(streams) > 4 { // files of version 1 have none
		d.packedValues = streams[4]
	}
	return d
}

func (d *Dictionary) readShared(c *colenc.Cursor) {
	d.Resources = make([]*model.Resource, c.Count())
	for i := range d.Resources {
		d.Resources[i] = readResource(c)
	}
	d.Scopes = make([]*model.Scope, c.Count())
	for i := range d.Scopes {
		d.Scopes[i] = &model.Scope{
			Name: string(c.Text()), Version: string(c.Text()), SchemaURL: string(c.Text()),
			Attributes: colenc.ReadAttributeList(c), DroppedAttributes: uint32(c.Uvarint()),
		}
	}
}

func readResource(c *colenc.Cursor) *model.Resource {
	r := &model.Resource{
		Attributes: colenc.ReadAttributeList(c), SchemaURL: string(c.Text()), DroppedAttributes: uint32(c.Uvarint()),
	}
	for range c.Count() {
		r.EntityRefs = append(r.EntityRefs, model.EntityRef{
			SchemaURL: string(c.Text()), Type: string(c.Text()),
			IDKeys: readStrings(c), DescriptionKeys: readStrings(c),
		})
	}
	return r
}

func readStrings(c *colenc.Cursor) []string {
	n := c.Count()
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = string(c.Text())
	}
	return list
}
