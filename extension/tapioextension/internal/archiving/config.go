// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package archiving

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/config/configoptional"
	"go.opentelemetry.io/collector/config/configtls"

	"github.com/tapio/tapio/extension/tapioextension/internal/bytesize"
	"github.com/tapio/tapio/internal/archive"
)

// ByteSize is a number of bytes.
type ByteSize = bytesize.ByteSize

// Config configures the archive.
type Config struct {
	// Bucket is the name of the bucket. Without it nothing is archived.
	Bucket string `mapstructure:"bucket"`
	// Prefix is put before the key of every object, for example tapio/production.
	Prefix string `mapstructure:"prefix"`
	// Endpoint is the address of an object store that is compatible with S3, for example https://minio.example:9000.
	// Without it the one of AWS in the region.
	Endpoint string `mapstructure:"endpoint"`
	// Region is the region of the bucket. Without it that of the environment (AWS_REGION); else AWS is asked, and other object stores get us-east-1.
	Region string `mapstructure:"region"`
	// VirtualHosts puts the bucket into the host name of requests (bucket.host) instead of the path. AWS is always asked that way.
	VirtualHosts bool `mapstructure:"virtual_hosts"`
	// TLS configures the connection as in the exporters of the collector. Without it, only endpoints with https use TLS.
	TLS configoptional.Optional[configtls.ClientConfig] `mapstructure:"tls"`
	// AccessKeyID is the ID of an access key. Without it the usual chain of AWS applies: environment, shared files, web identity, container, instance.
	AccessKeyID string `mapstructure:"access_key_id"`
	// SecretAccessKey is the secret of the access key.
	SecretAccessKey configopaque.String `mapstructure:"secret_access_key"`
	// Encryption is how the object store encrypts objects. Without it as the bucket is configured.
	Encryption EncryptionConfig `mapstructure:"encryption"`
	// StorageClass is the storage class of objects, for example STANDARD_IA. Without it that of the bucket. Indexes are always in the class of the bucket.
	StorageClass string `mapstructure:"storage_class"`
	// Signals are the signals that are archived: profiles, logs, traces, metrics.
	Signals []string `mapstructure:"signals"`
	// Upload archives what this server stores. With false the archive is only read: restores need a server that does not upload.
	Upload bool `mapstructure:"upload"`
	// FlushInterval is the time after which records are written at the latest. Accepted: 1s or more.
	FlushInterval time.Duration `mapstructure:"flush_interval"`
	// FlushSize is the size of the records of one signal, uncompressed, at which they are written earlier. Accepted: 64KiB to 256MiB.
	FlushSize ByteSize `mapstructure:"flush_size"`
	// Timeout is the time that one request to the object store may take. Accepted: 100ms or more.
	Timeout time.Duration `mapstructure:"timeout"`
}

// EncryptionConfig is how an object store encrypts objects.
type EncryptionConfig struct {
	// Type is sse-s3 for keys of the object store, sse-kms for a key of its key management, sse-c for a key that is sent with every request.
	Type string `mapstructure:"type"`
	// KMSKeyID is the key of sse-kms. Without it the default key of the account.
	KMSKeyID string `mapstructure:"kms_key_id"`
	// CustomerKey is the key of sse-c: 32 bytes in base64.
	CustomerKey configopaque.String `mapstructure:"customer_key"`
}

// Types of encryption.
const (
	sseS3  = "sse-s3"
	sseKMS = "sse-kms"
	sseC   = "sse-c"

	customerKeyBytes = 32
)

const (
	minFlushSize, maxFlushSize ByteSize = 64 << 10, 256 << 20
	minTimeout                          = 100 * time.Millisecond
)

// DefaultConfig is a configuration without a bucket.
func DefaultConfig() Config {
	return Config{Signals: archive.Signals(), Upload: true, FlushInterval: 5 * time.Minute, FlushSize: 16 << 20, Timeout: 30 * time.Second}
}

// Enabled reports whether there is an archive.
func (c *Config) Enabled() bool { return c.Bucket != "" }

// Validate checks the address and the bounds.
func (c *Config) Validate() error {
	if !c.Enabled() {
		if c.Endpoint != "" || c.Prefix != "" {
			return errors.New("bucket: must not be empty: write the name of the bucket")
		}
		return nil
	}
	var errs []error
	if at, err := url.Parse(c.Endpoint); c.Endpoint != "" && (err != nil || at.Host == "" || at.Scheme != "http" && at.Scheme != "https") {
		errs = append(errs, fmt.Errorf("endpoint: %q is not an address: write for example https://minio.example:9000", c.Endpoint))
	}
	if (c.AccessKeyID == "") != (c.SecretAccessKey == "") {
		errs = append(errs, errors.New("access_key_id and secret_access_key: set both, or none to use the environment, shared files or the role of the instance"))
	}
	if len(c.Signals) == 0 {
		errs = append(errs, errors.New("signals: must not be empty: write for example [profiles, logs]"))
	}
	if err := archive.CheckSignals(c.Signals); err != nil {
		errs = append(errs, fmt.Errorf("signals: %w", err))
	}
	if c.Encryption.Type == sseC && strings.HasPrefix(c.Endpoint, "http://") {
		errs = append(errs, fmt.Errorf("endpoint: must use https with encryption::type %s, which sends the key with every request", sseC))
	}
	if c.FlushInterval < time.Second {
		errs = append(errs, fmt.Errorf("flush_interval: must be 1s or more, is %s: write a number with its unit, for example 5m", c.FlushInterval))
	}
	if c.FlushSize < minFlushSize || c.FlushSize > maxFlushSize {
		errs = append(errs, fmt.Errorf("flush_size: must be 64KiB to 256MiB, is %d bytes", c.FlushSize))
	}
	if c.Timeout < minTimeout {
		errs = append(errs, fmt.Errorf("timeout: must be %s or more, is %s: write a number with its unit, for example 30s", minTimeout, c.Timeout))
	}
	return errors.Join(errs...)
}

// Validate checks that the keys belong to the type.
func (c *EncryptionConfig) Validate() error {
	if !slices.Contains([]string{"", sseS3, sseKMS, sseC}, c.Type) {
		return fmt.Errorf("type: must be %s, %s or %s, is %q", sseS3, sseKMS, sseC, c.Type)
	}
	if c.KMSKeyID != "" && c.Type != sseKMS {
		return fmt.Errorf("kms_key_id: is for type %s only, the type is %q", sseKMS, c.Type)
	}
	if (c.CustomerKey != "") != (c.Type == sseC) {
		return fmt.Errorf("customer_key: must be set with type %s, and only then", sseC)
	}
	if c.Type == sseC {
		if key, err := base64.StdEncoding.DecodeString(string(c.CustomerKey)); err != nil || len(key) != customerKeyBytes {
			return errors.New("customer_key: must be 32 bytes in base64: make one with `openssl rand -base64 32`")
		}
	}
	return nil
}
