// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/tapio/tapio/internal/model"
)

// maxJSONDepth is protojson's own bound.
const maxJSONDepth = 10_000

// rewriteJSON copies JSON, with recode done to every id, and drops white space.
// With check, what does not fit the message is a *model.FieldError.
// It walks the text and the descriptor of its message in step; numbers, unlike
// with a tree of floats, stay what they are.
func rewriteJSON(text []byte, root protoreflect.MessageDescriptor, recode func(string) (string, error), check bool) ([]byte, error) {
	r := rewriter{in: json.NewDecoder(bytes.NewReader(text)), recode: recode, check: check}
	r.in.UseNumber()
	r.quote = json.NewEncoder(&r.out)
	r.quote.SetEscapeHTML(false)
	if err := r.value(spot{message: root}, 0); err != nil {
		return nil, err
	}
	if _, err := r.in.Token(); !errors.Is(err, io.EOF) {
		return nil, model.InvalidField("", "holds more after the JSON value: send one value")
	}
	return r.out.Bytes(), nil
}

type rewriter struct {
	in     *json.Decoder
	out    bytes.Buffer
	quote  *json.Encoder
	recode func(string) (string, error)
	check  bool
}

func (r *rewriter) value(at spot, depth int) error {
	token, err := r.token()
	if err != nil {
		return err
	}
	if _, opens := token.(json.Delim); r.check && !opens {
		if err := at.checkScalar(token); err != nil {
			return err
		}
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
	if err != nil {
		return nil, syntaxFault(err)
	}
	return token, nil
}

func (r *rewriter) text(s string, at spot) error {
	if at.isID() {
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
		return model.InvalidField("", "is more than %d deep: nest it less", maxJSONDepth)
	}
	at, err := at.opened(open)
	if err != nil {
		return err
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
	_, err = r.token() // the closing one
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
