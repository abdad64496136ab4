// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/internal/tapio"
)

// maxJSONDepth is protojson's own bound.
const maxJSONDepth = 10_000

// rewriteJSON copies JSON, with recode done to every id, and drops white space.
// It walks the text and the descriptor of its message in step; numbers, unlike
// with a tree of floats, stay what they are.
func rewriteJSON(text []byte, root protoreflect.MessageDescriptor, recode func(string) (string, error)) ([]byte, error) {
	r := rewriter{in: json.NewDecoder(bytes.NewReader(text)), recode: recode}
	r.in.UseNumber()
	r.quote = json.NewEncoder(&r.out)
	r.quote.SetEscapeHTML(false)
	if err := r.value(spotOf(root), 0); err != nil {
		return nil, err
	}
	if _, err := r.in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("malformed JSON: more follows after the value")
	}
	return r.out.Bytes(), nil
}

// spot says what stands at a place of the text.
type spot struct {
	message protoreflect.MessageDescriptor // fields are checked; nil: any content
	entries protoreflect.FieldDescriptor   // values of a map; nil: no map
	id      bool                           // a string is to be recoded
}

// spotOf gives the well-known types no descriptor: their JSON has a form of its
// own and holds no ids.
func spotOf(message protoreflect.MessageDescriptor) spot {
	if message == nil || strings.HasPrefix(string(message.FullName()), "google.protobuf.") {
		return spot{}
	}
	return spot{message: message}
}

func spotOfField(field protoreflect.FieldDescriptor) spot {
	if field.IsMap() {
		return spot{entries: field.MapValue()}
	}
	if field.Kind() == protoreflect.BytesKind {
		return spot{id: isID(field.Name())}
	}
	return spotOf(field.Message())
}

func isID(name protoreflect.Name) bool {
	return name == "trace_id" || name == "span_id" || name == "parent_span_id"
}

// under finds what stands under a key.
func (s spot) under(key string) (spot, error) {
	switch {
	case s.entries != nil:
		return spotOfField(s.entries), nil
	case s.message == nil:
		return spot{}, nil
	}
	field := s.message.Fields().ByJSONName(key)
	if field == nil {
		field = s.message.Fields().ByTextName(key)
	}
	if field == nil {
		return spot{}, tapio.InvalidField(key, "is no field of %s: leave it out or mend its spelling", s.message.FullName())
	}
	return spotOfField(field), nil
}

type rewriter struct {
	in     *json.Decoder
	out    bytes.Buffer
	quote  *json.Encoder
	recode func(string) (string, error)
}

func (r *rewriter) value(at spot, depth int) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case json.Delim:
		return r.composite(token, at, depth)
	case string:
		return r.text(token, at)
	case json.Number:
		r.out.WriteString(token.String())
	case bool:
		fmt.Fprint(&r.out, token)
	default:
		r.out.WriteString("null")
	}
	return nil
}

func (r *rewriter) token() (json.Token, error) {
	token, err := r.in.Token()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, fmt.Errorf("malformed JSON: %w", err)
	}
	return token, nil
}

func (r *rewriter) text(s string, at spot) error {
	if at.id {
		var err error
		if s, err = r.recode(s); err != nil {
			return err
		}
	}
	if err := r.quote.Encode(s); err != nil {
		return err
	}
	r.out.Truncate(r.out.Len() - 1) // the encoder's newline
	return nil
}

func (r *rewriter) composite(open json.Delim, at spot, depth int) error {
	if depth >= maxJSONDepth {
		return fmt.Errorf("malformed JSON: more than %d deep", maxJSONDepth)
	}
	item, closing := r.member, byte('}')
	if open == '[' {
		item, closing = r.element, ']'
	}
	r.out.WriteByte(byte(open))
	for i := 0; r.in.More(); i++ {
		if i > 0 {
			r.out.WriteByte(',')
		}
		if err := item(i, at, depth+1); err != nil {
			return err
		}
	}
	r.out.WriteByte(closing)
	_, err := r.token() // the closing one
	return err
}

func (r *rewriter) element(i int, at spot, depth int) error {
	if err := r.value(at, depth); err != nil {
		return withinItem("", i, err)
	}
	return nil
}

func (r *rewriter) member(_ int, at spot, depth int) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	key, _ := token.(string) // the decoder lets nothing else be a key
	below, err := at.under(key)
	if err != nil {
		return err
	}
	if err := r.text(key, spot{}); err != nil {
		return err
	}
	r.out.WriteByte(':')
	return within(key, r.value(below, depth))
}
