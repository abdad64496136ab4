//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/tapio/tapio/internal/semconv"
)

// Declared is what a program says of the service that it belongs to.
type Declared struct {
	Name, Namespace, Version, Instance string
}

const (
	serviceName        = "OTEL_SERVICE_NAME="
	resourceAttributes = "OTEL_RESOURCE_ATTRIBUTES="
	// maxDeclared bounds each value that is kept.
	maxDeclared = 256
	// maxBlock bounds what is read of an environment or a command line.
	maxBlock = 128 << 10
)

// DeclaredBy reads the variables of OpenTelemetry, each as NAME=value. Other
// variables are not looked at, and nothing of them is kept.
func DeclaredBy(variables ...string) Declared {
	var d Declared
	name := ""
	for _, variable := range variables {
		if value, ok := strings.CutPrefix(variable, serviceName); ok {
			name = bounded(strings.TrimSpace(value))
		}
		if list, ok := strings.CutPrefix(variable, resourceAttributes); ok {
			d.read(list)
		}
	}
	d.Name = cmp.Or(name, d.Name)
	return d
}

// read takes key=value pairs with commas between, percent-encoded.
func (d *Declared) read(list string) {
	for pair := range strings.SplitSeq(list, ",") {
		key, value, _ := strings.Cut(pair, "=")
		value = strings.TrimSpace(value)
		if decoded, err := url.PathUnescape(value); err == nil {
			value = decoded
		}
		d.Set(strings.TrimSpace(key), value)
	}
}

// Set takes an attribute of a resource, if it is one that names a service.
func (d *Declared) Set(key, value string) {
	switch key {
	case semconv.ServiceName:
		d.Name = bounded(value)
	case semconv.ServiceNamespace:
		d.Namespace = bounded(value)
	case semconv.ServiceVersion:
		d.Version = bounded(value)
	case semconv.ServiceInstanceID:
		d.Instance = bounded(value)
	}
}

func bounded(value string) string {
	if len(value) > maxDeclared {
		value = value[:maxDeclared]
	}
	return strings.Clone(strings.ToValidUTF8(value, ""))
}

// environment reads what a process declares. Where that is not permitted it counts
// the process.
func (t *Table) environment(pid uint32) (d Declared, permitted bool) {
	block, err := t.readBlock(pid, "environ")
	if errors.Is(err, fs.ErrPermission) {
		t.denied++
		return d, false
	}
	var variables []string
	for variable := range bytes.SplitSeq(block, []byte{0}) {
		if bytes.HasPrefix(variable, []byte(serviceName)) || bytes.HasPrefix(variable, []byte(resourceAttributes)) {
			variables = append(variables, string(variable))
		}
	}
	clear(block)
	return DeclaredBy(variables...), true
}

// commandLine is that of a process, nil if it cannot be had.
func (t *Table) commandLine(pid uint32) []string {
	block, err := t.readBlock(pid, "cmdline")
	if err != nil || len(block) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(block), "\x00"), "\x00")
}

func (t *Table) readBlock(pid uint32, name string) ([]byte, error) {
	file, err := os.Open(t.file(pid, name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	return io.ReadAll(io.LimitReader(file, maxBlock))
}

func (t *Table) file(pid uint32, name string) string {
	return filepath.Join(t.proc, strconv.FormatUint(uint64(pid), 10), name)
}

// workingFolder is "" if it cannot be had.
func (t *Table) workingFolder(pid uint32) string {
	folder, err := os.Readlink(t.file(pid, "cwd"))
	if err != nil {
		return ""
	}
	return folder
}

// Denied returns how many processes there were whose environment may not be read.
func (t *Table) Denied() int { return t.denied }
