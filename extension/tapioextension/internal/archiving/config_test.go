// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archiving

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"":                                  func(*Config) {},
		"bucket: must not be empty":         func(c *Config) { c.Bucket, c.Endpoint = "", "http://s3" },
		`endpoint: "s3.example" is not an`:  func(c *Config) { c.Endpoint = "s3.example" },
		"access_key_id and secret_access":   func(c *Config) { c.AccessKeyID = "a" },
		"signals: must not be empty":        func(c *Config) { c.Signals = nil },
		`signals: "spans" is not a signal`:  func(c *Config) { c.Signals = []string{"spans"} },
		"flush_interval: must be 1s":        func(c *Config) { c.FlushInterval = time.Millisecond },
		"flush_size: must be 64KiB to":      func(c *Config) { c.FlushSize = 1 },
		"timeout: must be 100ms":            func(c *Config) { c.Timeout = 1 },
		"must be sse-s3, sse-kms or sse-c":  func(c *Config) { c.Encryption.Type = "aes" },
		"kms_key_id: is for type sse-kms":   func(c *Config) { c.Encryption = EncryptionConfig{Type: sseS3, KMSKeyID: "k"} },
		"customer_key: must be set with":    func(c *Config) { c.Encryption.Type = sseC },
		"customer_key: must be 32 bytes in": func(c *Config) { c.Encryption = EncryptionConfig{Type: sseC, CustomerKey: "short"} },
		"endpoint: must use https with": func(c *Config) {
			c.Endpoint = "http://s3"
			c.Encryption = EncryptionConfig{Type: sseC, CustomerKey: "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}
		},
	} {
		cfg := DefaultConfig()
		cfg.Bucket = "telemetry"
		change(&cfg)
		err := errors.Join(cfg.Validate(), cfg.Encryption.Validate())
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}
