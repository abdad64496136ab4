// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package fleet

import (
	"unicode/utf8"

	"github.com/tapio/tapio/internal/model"
	tapiov1 "github.com/tapio/tapio/proto/tapio/v1"
)

// The bounds of what a collector may say of itself.
const (
	maxIDBytes      = 128
	maxNameBytes    = 256
	maxAttributes   = 128
	maxTextBytes    = 4096
	maxCapabilities = 64
	maxReasons      = 64
	// MaxContentBytes bounds a configuration.
	MaxContentBytes = 1 << 20
)

func checkCollector(c *tapiov1.Collector) error {
	switch id := c.GetCollectorId(); {
	case c == nil:
		return model.InvalidField("collector", "is required")
	case id == "" || len(id) > maxIDBytes:
		return model.InvalidField("collector.collector_id", "must have 1 to %d bytes, has %d", maxIDBytes, len(id))
	case len(c.GetAttributes()) > maxAttributes:
		return model.InvalidField("collector.attributes", "has %d entries, the most is %d", len(c.GetAttributes()), maxAttributes)
	case len(c.GetCapabilities()) > maxCapabilities:
		return model.InvalidField("collector.capabilities", "has %d entries, the most is %d", len(c.GetCapabilities()), maxCapabilities)
	}
	for field, text := range map[string]string{
		"collector_type": c.GetCollectorType(), "version": c.GetVersion(), "node": c.GetNode(),
	} {
		if err := atMost("collector."+field, text, maxNameBytes); err != nil {
			return err
		}
	}
	for _, capability := range c.GetCapabilities() {
		if err := atMost("collector.capabilities", capability, maxNameBytes); err != nil {
			return err
		}
	}
	for key, value := range c.GetAttributes() {
		if key == "" || len(key) > maxNameBytes {
			return model.InvalidField("collector.attributes", "a key must have 1 to %d bytes, one has %d", maxNameBytes, len(key))
		}
		if err := atMost("collector.attributes", value, maxTextBytes); err != nil {
			return err
		}
	}
	return checkReport(c.GetStatus())
}

func atMost(field, text string, most int) error {
	if len(text) <= most {
		return nil
	}
	return model.InvalidField(field, "has %d bytes, the most is %d", len(text), most)
}

func checkReport(report *tapiov1.CollectorStatus) error {
	if n := len(report.GetDroppedRecordCounts()); n > maxReasons {
		return model.InvalidField("status.dropped_record_counts", "has %d entries, the most is %d: join some reasons", n, maxReasons)
	}
	for reason := range report.GetDroppedRecordCounts() {
		if err := atMost("status.dropped_record_counts", reason, maxNameBytes); err != nil {
			return err
		}
	}
	return atMost("status.message", report.GetMessage(), maxTextBytes)
}

func checkAnswer(answer *tapiov1.ConfigStatus) error {
	if err := atMost("config_status.message", answer.GetMessage(), maxTextBytes); err != nil {
		return err
	}
	return atMost("config_status.effective_content", answer.GetEffectiveContent(), MaxContentBytes)
}

// Shorten cuts a text that a collector says of itself to what is kept of it, at
// a whole character.
func Shorten(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}
