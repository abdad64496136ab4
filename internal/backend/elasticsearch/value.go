// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package elasticsearch

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/tapio/tapio/internal/model"
)

// maxDepth is how deep values may be nested.
const maxDepth = 64

var errDepth = errors.New("values are nested too deep")

// valueOf decodes a value. The keys of maps keep their order.
func valueOf(encoded json.RawMessage) (model.Value, error) {
	decoder := json.NewDecoder(bytes.NewReader(encoded))
	decoder.UseNumber()
	return decodeValue(decoder, maxDepth)
}

func decodeValue(from *json.Decoder, depth int) (value model.Value, err error) {
	token, err := from.Token()
	if err != nil {
		return value, err
	}
	switch one := token.(type) {
	case string:
		return model.StringValue(one), nil
	case bool:
		return model.BoolValue(one), nil
	case json.Number:
		return numberOf(one), nil
	case json.Delim:
		if depth == 0 {
			return value, errDepth
		}
		if one == '[' {
			return decodeArray(from, depth-1)
		}
		return decodeMap(from, depth-1)
	default:
		return value, nil
	}
}

func decodeArray(from *json.Decoder, depth int) (model.Value, error) {
	var items []model.Value
	for from.More() {
		item, err := decodeValue(from, depth)
		if err != nil {
			return model.Value{}, err
		}
		items = append(items, item)
	}
	_, err := from.Token()
	return model.ArrayValue(items...), err
}

func decodeMap(from *json.Decoder, depth int) (model.Value, error) {
	items := []model.KeyValue{}
	for from.More() {
		key, err := from.Token()
		if err != nil {
			return model.Value{}, err
		}
		item := model.KeyValue{}
		item.Key, _ = key.(string)
		if item.Value, err = decodeValue(from, depth); err != nil {
			return model.Value{}, err
		}
		items = append(items, item)
	}
	_, err := from.Token()
	return model.MapValue(items), err
}

// numberOf reads integers and doubles, which the exporter writes with a point.
func numberOf(text json.Number) model.Value {
	if n, err := strconv.ParseInt(text.String(), 10, 64); err == nil {
		return model.IntValue(n)
	}
	n, _ := text.Float64() // the decoder has checked it
	return model.DoubleValue(n)
}

// timeOf decodes a time: as the exporter writes it, in milliseconds with the nanoseconds
// behind a point, or as servers write it that restore documents from their index.
func timeOf(encoded json.RawMessage) (model.Nanos, bool) {
	text := strings.Trim(string(encoded), "\"")
	whole, rest, _ := strings.Cut(text, ".")
	if milliseconds, err := strconv.ParseUint(whole, 10, 44); err == nil {
		nanoseconds, err := strconv.ParseUint("0"+rest, 10, 32)
		return model.Nanos(milliseconds)*millisecond + model.Nanos(nanoseconds), err == nil && model.Nanos(nanoseconds) < millisecond
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	return model.Nanos(max(at.UnixNano(), 0)), err == nil
}
