// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/tapio/tapio/internal/model"
)

const (
	timestampName = "google.protobuf.Timestamp"
	durationName  = "google.protobuf.Duration"
	maxEnumNames  = 30 // that a fault lists
)

// checkScalar refuses what cannot stand here, so that the fault has a path.
// What it lets through wrongly, protojson refuses without one.
func (s spot) checkScalar(token json.Token) error {
	if token == nil || s == (spot{}) || s.fits(token) {
		return nil
	}
	if text, ok := token.(string); ok {
		return s.misfit(fmt.Sprintf("%.64q", text))
	}
	return s.misfit(fmt.Sprint(token))
}

func (s spot) misfit(got string) error {
	return model.InvalidField("", "must be %s, got %s", s.wanted(), got)
}

func (s spot) fits(token json.Token) bool {
	if s.field == nil || s.list || s.entries != nil || s.message != nil {
		return false
	}
	text, isText := token.(string)
	number, isNumber := token.(json.Number)
	switch kind := s.field.Kind(); kind {
	case protoreflect.BoolKind:
		return !isText && !isNumber
	case protoreflect.StringKind, protoreflect.BytesKind:
		return isText
	case protoreflect.EnumKind:
		return isNumber || isText && s.field.Enum().Values().ByName(protoreflect.Name(text)) != nil
	case protoreflect.MessageKind:
		return isText && isInstantText(s.field.Message().FullName(), text)
	default:
		return (isText || isNumber) && isNumberOf(kind, text+number.String())
	}
}

func isInstantText(name protoreflect.FullName, text string) bool {
	var into proto.Message = &timestamppb.Timestamp{}
	if name == durationName {
		into = &durationpb.Duration{}
	}
	return protojson.Unmarshal(strconv.AppendQuote(nil, text), into) == nil
}

// isNumberOf takes 1e3 and 5.0 for whole numbers, as protojson does.
func isNumberOf(kind protoreflect.Kind, text string) bool {
	if kind == protoreflect.DoubleKind || kind == protoreflect.FloatKind {
		_, err := strconv.ParseFloat(text, 64)
		return err == nil
	}
	least, most := bounds(kind)
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return float64(n) >= least && float64(n) <= most
	}
	x, err := strconv.ParseFloat(text, 64)
	return err == nil && x == math.Trunc(x) && x >= least && x <= most
}

func bounds(kind protoreflect.Kind) (least, most float64) {
	switch kind {
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return math.MinInt32, math.MaxInt32
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return 0, math.MaxUint32
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return 0, math.MaxUint64
	default:
		return math.MinInt64, math.MaxInt64
	}
}

// wanted describes what must stand here.
func (s spot) wanted() string {
	switch {
	case s.list:
		return "a list in brackets"
	case s.field == nil || s.message != nil || s.entries != nil:
		return "an object in braces"
	}
	switch kind := s.field.Kind(); kind {
	case protoreflect.BoolKind:
		return "true or false"
	case protoreflect.StringKind, protoreflect.BytesKind:
		return "a string in quotes"
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		return "a number"
	case protoreflect.EnumKind:
		return namesOf(s.field.Enum())
	case protoreflect.MessageKind:
		return instantForm(s.field.Message().FullName())
	default:
		least, most := bounds(kind)
		if most > math.MaxUint32 { // a float cannot represent where 64 bits end
			return "a whole number of 64 bits"
		}
		return fmt.Sprintf("a whole number of %.0f to %.0f", least, most)
	}
}

func instantForm(name protoreflect.FullName) string {
	if name == durationName {
		return "seconds with s, for example 3600s"
	}
	return "an RFC 3339 time, for example 2026-01-02T15:04:05Z"
}

func namesOf(enum protoreflect.EnumDescriptor) string {
	values := enum.Values()
	if values.Len() > maxEnumNames {
		return "a name of " + string(enum.FullName())
	}
	names := make([]string, values.Len())
	for i := range names {
		names[i] = string(values.Get(i).Name())
	}
	return "one of " + strings.Join(names, ", ")
}

// JSONFault turns an error of encoding/json on text of a caller into a
// *model.FieldError of the field "body". A *model.FieldError and nil stay.
func JSONFault(err error) error {
	if err == nil {
		return nil
	}
	return atBody(syntaxFault(err))
}

// syntaxFault leaves the field to anyone who knows the path.
func syntaxFault(err error) error {
	if _, ok := errors.AsType[*model.FieldError](err); ok {
		return err
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return model.InvalidField("", "is cut short: the JSON ends before all its brackets and quotes are closed; send it whole")
	}
	if fault, ok := errors.AsType[*json.SyntaxError](err); ok {
		return model.InvalidField("", "is not JSON at byte %d: %v", fault.Offset, fault)
	}
	return err
}

// atBody names the body where no path is known.
func atBody(err error) error {
	if fault, ok := errors.AsType[*model.FieldError](err); ok && fault.Field == "" {
		return &model.FieldError{Field: "body", Problem: fault.Problem}
	}
	return err
}

// misfitOf is what protojson reports, without the place: it is one in our rewritten
// text, not in the caller's.
func misfitOf(name protoreflect.FullName, err error) error {
	text := strings.TrimPrefix(strings.ReplaceAll(err.Error(), "\u00a0", " "), "proto: ")
	if before, rest, found := strings.Cut(text, "(line "); found {
		_, after, _ := strings.Cut(rest, "): ")
		text = before + after
	}
	return model.InvalidField("body", "does not fit %s: %s", name, text)
}
