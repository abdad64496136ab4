// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command image writes an OCI image of several architectures, without Docker and without
// a base image.
//
//	image -output FILE.tar -version V -created TIME -config tapio.yaml -notices FILE ARCH=FOLDER…
//
// Each folder holds the programs tapio and tapioctl of the architecture.
package main

import (
	"archive/tar"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "image:", err)
		os.Exit(1)
	}
}

// options are those of the command line.
type options struct {
	output, version, config, notices, license string
	created                                   time.Time
}

func run(args []string) error {
	var o options
	var created string
	flags := flag.NewFlagSet("image", flag.ContinueOnError)
	flags.StringVar(&o.output, "output", "", "archive to write")
	flags.StringVar(&o.version, "version", "", "version of the programs")
	flags.StringVar(&created, "created", "", "time of all files, in RFC 3339")
	flags.StringVar(&o.config, "config", "", "configuration of the collector")
	flags.StringVar(&o.notices, "notices", "", "licenses of what is contained")
	flags.StringVar(&o.license, "license", "", "license of the programs")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if o.output == "" || o.config == "" || o.notices == "" || o.license == "" || flags.NArg() == 0 {
		return errors.New("missing -output, -config, -notices, -license or the folders of architectures")
	}
	var err error
	if o.created, err = time.Parse(time.RFC3339, created); err != nil {
		return fmt.Errorf("-created: %w", err)
	}
	index, err := o.index(flags.Args())
	if err != nil {
		return err
	}
	return writeArchive(o.output, index)
}

// index makes the images of all architectures.
func (o *options) index(architectures []string) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, one := range architectures {
		arch, folder, found := strings.Cut(one, "=")
		if !found {
			return nil, fmt.Errorf("%s: write ARCHITECTURE=FOLDER", one)
		}
		image, err := o.image(arch, folder)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", arch, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	return index, nil
}

// user is the owner of the state, who runs the program: not root.
const user = 65532

func (o *options) image(arch, folder string) (v1.Image, error) {
	base, err := o.baseLayer()
	if err != nil {
		return nil, err
	}
	programs, err := o.programLayer(folder)
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.AppendLayers(image, base, programs); err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Created = "linux", arch, v1.Time{Time: o.created}
	file.Config = v1.Config{
		User: fmt.Sprintf("%d:%d", user, user), Entrypoint: []string{"/tapio"}, Cmd: []string{"--config", "/etc/tapio/tapio.yaml"},
		WorkingDir: "/var/lib/tapio", Env: []string{"PATH=/"},
		ExposedPorts: map[string]struct{}{"4317/tcp": {}, "4318/tcp": {}, "4417/tcp": {}, "4418/tcp": {}},
		Labels: map[string]string{
			"org.opencontainers.image.title": "tapio", "org.opencontainers.image.version": o.version,
			"org.opencontainers.image.licenses": "Apache-2.0", "org.opencontainers.image.source": "https://github.com/tapio/tapio",
			"org.opencontainers.image.description": "OpenTelemetry Collector distribution that shows why a system misbehaves",
		},
	}
	return mutate.ConfigFile(image, file)
}

// writeArchive writes the layout of the images as one file.
func writeArchive(output string, index v1.ImageIndex) error {
	folder, err := os.MkdirTemp("", "image-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if _, err := layout.Write(folder, index); err != nil {
		return err
	}
	file, err := os.Create(output)
	if err != nil {
		return err
	}
	if err := archive(file, folder); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}

func archive(to io.Writer, folder string) error {
	w := tar.NewWriter(to)
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == folder {
			return err
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return w.WriteHeader(&tar.Header{Name: name + "/", Mode: 0o755, Typeflag: tar.TypeDir})
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	})
	return errors.Join(err, w.Close())
}
