// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package protoconv

import (
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/tapio/tapio/internal/model"
)

// knownEnum refuses numbers that the contract does not name.
func knownEnum(field string, value protoreflect.Enum) error {
	if value.Descriptor().Values().ByNumber(value.Number()) != nil {
		return nil
	}
	return model.InvalidField(field, "%d is no value of %s: use one that the contract names",
		value.Number(), value.Descriptor().FullName())
}

// duration reads a duration; unset is 0. One too long for Go becomes the
// longest.
func duration(field string, d *durationpb.Duration) (time.Duration, error) {
	if d == nil {
		return 0, nil
	}
	if err := d.CheckValid(); err != nil {
		return 0, model.InvalidField(field, "is not a valid duration: give seconds and nanos of the same sign, nanos below 1000000000")
	}
	return d.AsDuration(), nil
}

// notNegative is duration for one that must be 0 or more.
func notNegative(field string, d *durationpb.Duration) (time.Duration, error) {
	out, err := duration(field, d)
	if err == nil && out < 0 {
		return 0, model.InvalidField(field, "must be 0 or more, is %v", out)
	}
	return out, err
}

// atMost bounds the entries of a repeated field.
func atMost(field string, n, most int) error {
	if n <= most {
		return nil
	}
	return model.InvalidField(field, "has %d entries, the most is %d", n, most)
}
