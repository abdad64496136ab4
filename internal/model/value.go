// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package model

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
)

// Kind is what a Value holds.
type Kind uint8

// The kinds of OTLP's AnyValue.
const (
	KindEmpty Kind = iota
	KindString
	KindBool
	KindInt
	KindDouble
	KindBytes
	KindArray
	KindMap
)

// Value is one typed attribute value, as OTLP's AnyValue. The zero Value is
// empty. It is kept small, for a record holds ten of them and a store millions.
type Value struct {
	text  string      // string, bytes
	items *[]KeyValue // array (keys empty), map
	num   uint64      // bool, int, double as bits
	kind  Kind
}

// KeyValue is one attribute.
type KeyValue struct {
	Key   string
	Value Value
}

// What follows is for those who look at each attribute of each record: a Value is
// too large to be handed around in registers, so that every copy of one goes
// through memory, and waits there.

// Kind is what the value of the attribute holds.
func (kv *KeyValue) Kind() Kind { return kv.Value.kind }

// Str is Value.Str.
func (kv *KeyValue) Str() string { return kv.Value.text }

// Int is Value.Int.
func (kv *KeyValue) Int() int64 { return int64(kv.Value.num) }

// SetString makes the value a string, as StringValue does.
func (v *Value) SetString(text string) { v.kind, v.num, v.text, v.items = KindString, 0, text, nil }

// SetInt makes the value an integer, as IntValue does.
func (v *Value) SetInt(n int64) { v.kind, v.num, v.text, v.items = KindInt, uint64(n), "", nil }

// Share takes texts over that are the same in another attribute: those of this
// one can go, and anyone who compares the two need not read them.
func (kv *KeyValue) Share(other *KeyValue) {
	if kv.Key == other.Key {
		kv.Key = other.Key
	}
	if kv.Value.kind == KindString && other.Value.kind == KindString && kv.Value.text == other.Value.text {
		kv.Value.text = other.Value.text
	}
}

// StringValue makes a string value.
func StringValue(v string) Value { return Value{kind: KindString, text: v} }

// IntValue makes an integer value.
func IntValue(v int64) Value { return Value{kind: KindInt, num: uint64(v)} }

// DoubleValue makes a floating point value.
func DoubleValue(v float64) Value { return Value{kind: KindDouble, num: math.Float64bits(v)} }

// BytesValue makes a bytes value; v is copied.
func BytesValue(v []byte) Value { return Value{kind: KindBytes, text: string(v)} }

// BoolValue makes a boolean value.
func BoolValue(v bool) Value {
	if v {
		return Value{kind: KindBool, num: 1}
	}
	return Value{kind: KindBool}
}

// ArrayValue makes an array of the given values.
func ArrayValue(values ...Value) Value {
	items := make([]KeyValue, len(values))
	for i, v := range values {
		items[i].Value = v
	}
	return Value{kind: KindArray, items: &items}
}

// MapValue makes a map; it takes items over and keeps their order.
func MapValue(items []KeyValue) Value { return Value{kind: KindMap, items: &items} }

// Kind is what the value holds.
func (v Value) Kind() Kind { return v.kind }

// Str returns the text of a string or the raw content of bytes, else "".
func (v Value) Str() string { return v.text }

// Int returns an integer, else 0.
func (v Value) Int() int64 { return int64(v.num) }

// Bool returns a boolean, else false.
func (v Value) Bool() bool { return v.num != 0 }

// Double returns a floating point number, else 0.
func (v Value) Double() float64 { return math.Float64frombits(v.num) }

// Items returns the entries of a map or, with empty keys, of an array. The
// caller must not change them.
func (v Value) Items() []KeyValue {
	if v.items == nil {
		return nil
	}
	return *v.items
}

// Text renders the value as label selectors and text searches see it.
func (v Value) Text() string {
	switch v.kind {
	case KindString:
		return v.text
	case KindBool:
		return strconv.FormatBool(v.Bool())
	case KindInt:
		return strconv.FormatInt(v.Int(), 10)
	case KindDouble:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case KindBytes:
		return base64.StdEncoding.EncodeToString([]byte(v.text))
	case KindArray, KindMap:
		return string(v.appendJSON(nil))
	default:
		return ""
	}
}

// appendJSON renders composites. Numbers that JSON cannot represent become strings.
func (v Value) appendJSON(dst []byte) []byte {
	switch v.kind {
	case KindString, KindBytes:
		return appendJSONString(dst, v.Text())
	case KindArray:
		return v.appendJSONArray(dst)
	case KindMap:
		return v.appendJSONMap(dst)
	case KindEmpty:
		return append(dst, "null"...)
	case KindDouble:
		if d := v.Double(); math.IsNaN(d) || math.IsInf(d, 0) {
			return appendJSONString(dst, v.Text())
		}
	case KindBool, KindInt: // as in JSON already
	}
	return append(dst, v.Text()...)
}

func (v Value) appendJSONArray(dst []byte) []byte {
	dst = append(dst, '[')
	for i, item := range v.Items() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = item.Value.appendJSON(dst)
	}
	return append(dst, ']')
}

func (v Value) appendJSONMap(dst []byte) []byte {
	dst = append(dst, '{')
	for i, item := range v.Items() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendJSONString(dst, item.Key), ':')
		dst = item.Value.appendJSON(dst)
	}
	return append(dst, '}')
}

func appendJSONString(dst []byte, s string) []byte {
	quoted, err := json.Marshal(s)
	if err != nil { // a string always marshals
		return append(dst, `""`...)
	}
	return append(dst, quoted...)
}

// Equal compares kind and content; doubles by their bits, so NaN equals NaN.
func (v Value) Equal(o Value) bool {
	return v.kind == o.kind && v.num == o.num && v.text == o.text &&
		slices.EqualFunc(v.Items(), o.Items(), func(a, b KeyValue) bool {
			return a.Key == b.Key && a.Value.Equal(b.Value)
		})
}

const (
	keyValueSize = 64 // bytes of a KeyValue itself
	sliceSize    = 24
)

// heapSize estimates the bytes that the value holds outside itself.
func (v Value) heapSize() int {
	n := len(v.text)
	if v.items != nil {
		n += sliceSize + Attributes(*v.items).Size()
	}
	return n
}

// Attributes is an ordered list of attributes, as it came in.
type Attributes []KeyValue

// Get returns the first value under key.
func (a Attributes) Get(key string) (Value, bool) {
	for i := range a {
		if a[i].Key == key {
			return a[i].Value, true
		}
	}
	return Value{}, false
}

// FirstText returns the text of the first of these keys that is set, "" for none.
func (a Attributes) FirstText(keys ...string) string {
	for _, key := range keys {
		if v, found := a.Get(key); found {
			return v.Text()
		}
	}
	return ""
}

// Equal compares keys, values and order.
func (a Attributes) Equal(b Attributes) bool {
	return slices.EqualFunc(a, b, func(x, y KeyValue) bool {
		return x.Key == y.Key && x.Value.Equal(y.Value)
	})
}

// Size estimates the bytes that the list holds in memory.
func (a Attributes) Size() int {
	n := 0
	for i := range a {
		v := &a[i].Value
		n += keyValueSize + len(a[i].Key) + len(v.text)
		if v.items != nil {
			n += sliceSize + Attributes(*v.items).Size()
		}
	}
	return n
}
