// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Package s3bucket implements bucket.Bucket with an object store that is compatible with
// Amazon S3.
package s3bucket

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"github.com/tapio/tapio/internal/archive/bucket"
)

// Options are how a bucket is reached.
type Options struct {
	Bucket string
	// Endpoint is an address with http or https; "" is AWS.
	Endpoint     string
	Region       string // "": that of the environment, else it is asked for
	VirtualHosts bool
	TLS          *tls.Config // nil: the default
	// AccessKeyID and SecretAccessKey are static credentials. Without them those of the
	// environment, of shared files, of a web identity, of the container or of the instance.
	AccessKeyID, SecretAccessKey string
	// Encryption is "", sse-s3, sse-kms or sse-c.
	Encryption   string
	KMSKeyID     string
	CustomerKey  []byte
	StorageClass string
}

const awsHost = "s3.amazonaws.com"

// Bucket implements bucket.Bucket.
type Bucket struct {
	core    minio.Core
	name    string
	sse     encrypt.ServerSide // nil: as the bucket is configured
	storage string
}

var _ bucket.Bucket = (*Bucket)(nil)

// New makes a client of a bucket. It does not connect.
func New(_ context.Context, o Options) (*Bucket, error) {
	host, secure := awsHost, true
	if o.Endpoint != "" {
		at, err := url.Parse(o.Endpoint)
		if err != nil {
			return nil, fmt.Errorf("endpoint: %w", err)
		}
		host, secure = at.Host, at.Scheme == "https"
	}
	transport, err := minio.DefaultTransport(secure)
	if err != nil {
		return nil, fmt.Errorf("make a transport: %w", err)
	}
	if o.TLS != nil {
		transport.TLSClientConfig = o.TLS
	}
	transport.DisableCompression = true // or bytes of a range would not be those that are stored
	options := &minio.Options{
		Creds: o.credentials(), Secure: secure, Transport: transport, Region: o.region(),
		MaxRetries: 1, // callers retry
	}
	if o.VirtualHosts {
		options.BucketLookup = minio.BucketLookupDNS
	}
	core, err := minio.NewCore(host, options)
	if err != nil {
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	b := &Bucket{core: *core, name: o.Bucket, storage: o.StorageClass}
	b.sse, err = o.serverSide()
	return b, err
}

func (o *Options) credentials() *credentials.Credentials {
	if o.AccessKeyID != "" {
		return credentials.NewStaticV4(o.AccessKeyID, o.SecretAccessKey, "")
	}
	return credentials.NewChainCredentials([]credentials.Provider{
		&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}, &credentials.IAM{},
	})
}

func (o *Options) region() string {
	for _, region := range []string{o.Region, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION")} {
		if region != "" {
			return region
		}
	}
	if o.Endpoint != "" {
		return "us-east-1" // what servers outside of AWS expect
	}
	return ""
}

func (o *Options) serverSide() (encrypt.ServerSide, error) {
	switch o.Encryption {
	case "":
		return nil, nil
	case "sse-s3":
		return encrypt.NewSSE(), nil
	case "sse-kms":
		return encrypt.NewSSEKMS(o.KMSKeyID, nil)
	case "sse-c":
		return encrypt.NewSSEC(o.CustomerKey)
	default:
		return nil, fmt.Errorf("encryption::type: must be sse-s3, sse-kms or sse-c, is %q", o.Encryption)
	}
}

// Put implements bucket.Bucket.
func (b *Bucket) Put(ctx context.Context, key string, body []byte) error {
	_, err := b.core.PutObject(ctx, b.name, key, bytes.NewReader(body), int64(len(body)), "", "", minio.PutObjectOptions{
		ContentType: "application/zstd", ServerSideEncryption: b.sse, StorageClass: b.storage, DisableMultipart: true,
	})
	return explained(err)
}

// Read implements bucket.Bucket.
func (b *Bucket) Read(ctx context.Context, key string, offset, length int64) ([]byte, error) {
	options := minio.GetObjectOptions{}
	if b.sse != nil && b.sse.Type() == encrypt.SSEC { // the others are not named when an object is read
		options.ServerSideEncryption = b.sse
	}
	if err := options.SetRange(offset, offset+length-1); err != nil {
		return nil, err
	}
	body, _, _, err := b.core.GetObject(ctx, b.name, key, options)
	if err != nil {
		return nil, explained(err)
	}
	defer func() { _ = body.Close() }() // all was read, or an error is returned
	data := make([]byte, length)
	if _, err := io.ReadFull(body, data); err != nil {
		return nil, fmt.Errorf("read bytes %d to %d: %w", offset, offset+length-1, err)
	}
	return data, nil
}

// List implements bucket.Bucket.
func (b *Bucket) List(ctx context.Context, prefix, after string, use func(bucket.Object) bool) error {
	ctx, cancel := context.WithCancel(ctx) // ends the listing that is not wanted any more
	defer cancel()
	for o := range b.core.Client.ListObjects(ctx, b.name, minio.ListObjectsOptions{Prefix: prefix, StartAfter: after, Recursive: true}) {
		if o.Err != nil {
			return explained(o.Err)
		}
		if !use(bucket.Object{Key: o.Key, Size: o.Size}) {
			return nil
		}
	}
	return ctx.Err()
}

// explained adds what a user needs to know to an error.
func explained(err error) error {
	if err == nil {
		return nil
	}
	response, ok := errors.AsType[minio.ErrorResponse](err)
	switch {
	case !ok:
		return err
	case response.Code == minio.NoSuchKey:
		return bucket.ErrNotFound
	case response.Code == "":
		return fmt.Errorf("status %d: %w", response.StatusCode, err)
	default:
		return fmt.Errorf("%s: %w", response.Code, err)
	}
}
