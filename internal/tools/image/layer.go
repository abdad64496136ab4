// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"io"
	"os"
	"path/filepath"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// layerWriter writes the files of a layer, all of one time.
type layerWriter struct {
	content bytes.Buffer
	tar     *tar.Writer
	at      time.Time
	err     error
}

func newLayer(at time.Time) *layerWriter {
	w := &layerWriter{at: at}
	w.tar = tar.NewWriter(&w.content)
	return w
}

func (w *layerWriter) folder(name string, mode int64, owner int) {
	w.write(&tar.Header{Name: name + "/", Mode: mode, Uid: owner, Gid: owner, Typeflag: tar.TypeDir}, nil)
}

func (w *layerWriter) file(name string, mode int64, content []byte) {
	w.write(&tar.Header{Name: name, Mode: mode, Size: int64(len(content)), Typeflag: tar.TypeReg}, content)
}

// copied writes a file of the host.
func (w *layerWriter) copied(name string, mode int64, from string) {
	content, err := os.ReadFile(from)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.file(name, mode, content)
}

func (w *layerWriter) write(h *tar.Header, content []byte) {
	if w.err != nil {
		return
	}
	h.ModTime = w.at
	if w.err = w.tar.WriteHeader(h); w.err == nil {
		_, w.err = w.tar.Write(content)
	}
}

func (w *layerWriter) layer() (v1.Layer, error) {
	if w.err == nil {
		w.err = w.tar.Close()
	}
	if w.err != nil {
		return nil, w.err
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(w.content.Bytes())), nil }
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer))
}

// baseLayer holds what programs expect of a system: without nsswitch.conf and hosts,
// localhost is asked of a name server.
func (o *options) baseLayer() (v1.Layer, error) {
	w := newLayer(o.created)
	for _, name := range []string{"etc", "etc/ssl", "etc/ssl/certs", "etc/tapio", "var", "var/lib", "usr", "usr/share", "usr/share/doc", "usr/share/doc/tapio"} {
		w.folder(name, 0o755, 0)
	}
	w.folder("tmp", 0o1777, 0)
	w.folder("var/lib/tapio", 0o700, user)
	w.file("etc/hosts", 0o644, []byte("127.0.0.1 localhost\n::1 localhost\n"))
	w.file("etc/nsswitch.conf", 0o644, []byte("hosts: files dns\n"))
	w.file("etc/passwd", 0o644, []byte("root:x:0:0:root:/:/sbin/nologin\ntapio:x:65532:65532:Tapio:/var/lib/tapio:/sbin/nologin\n"))
	w.file("etc/group", 0o644, []byte("root:x:0:\ntapio:x:65532:\n"))
	w.file("etc/ssl/certs/ca-certificates.crt", 0o644, certificates())
	w.copied("etc/tapio/tapio.yaml", 0o644, o.config)
	w.copied("usr/share/doc/tapio/copyright", 0o644, o.license)
	w.copied("usr/share/doc/tapio/THIRD_PARTY_NOTICES", 0o644, o.notices)
	return w.layer()
}

// certificates are those of Mozilla's list that are trusted without conditions, at the
// version of the Go module.
func certificates() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // a buffer takes all
		}
	}
	return text.Bytes()
}

func (o *options) programLayer(folder string) (v1.Layer, error) {
	w := newLayer(o.created)
	w.copied("tapio", 0o755, filepath.Join(folder, "tapio"))
	w.copied("tapioctl", 0o755, filepath.Join(folder, "tapioctl"))
	return w.layer()
}
