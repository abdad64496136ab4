// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command krew packs tapioctl as the kubectl plugin `tapio`, one archive for each platform, and writes the manifest with which krew
// installs it.
//
//	krew -version V -url URL -license FILE -output FOLDER PLATFORM=PROGRAM...
//
// A platform is OS/ARCHITECTURE in Go's names. URL is where the archives will be, without a slash at the end.
package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

const about = `Finds the Tapio gateway in the cluster, connects to it with kubectl port-forward, and
queries telemetry, incidents and their causes: logs, traces, metrics, profiles, live or from
the past. ` + "`kubectl tapio ui`" + ` opens the way to the web UI.`

const caveats = `Install the Helm chart of Tapio first:
https://github.com/tapio/tapio/blob/main/docs/how-to/kubernetes.md`

// manifest is krew's, see https://krew.sigs.k8s.io/docs/developer-guide/plugin-manifest/.
type manifest struct {
	APIVersion string            `yaml:"apiVersion"`
	Kind       string            `yaml:"kind"`
	Metadata   map[string]string `yaml:"metadata"`
	Spec       spec              `yaml:"spec"`
}

type spec struct {
	Version          string     `yaml:"version"`
	Homepage         string     `yaml:"homepage"`
	ShortDescription string     `yaml:"shortDescription"`
	Description      string     `yaml:"description"`
	Caveats          string     `yaml:"caveats"`
	Platforms        []platform `yaml:"platforms"`
}

type platform struct {
	Selector selector `yaml:"selector"`
	URI      string   `yaml:"uri"`
	SHA256   string   `yaml:"sha256"`
	Bin      string   `yaml:"bin"`
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

func main() {
	version := flag.String("version", "", "version of the plugin, without v")
	url := flag.String("url", "", "address of the folder that the archives will be in")
	license := flag.String("license", "LICENSE", "file of the license")
	output := flag.String("output", ".", "folder for archives and manifest")
	flag.Parse()
	if err := run(*version, *url, *license, *output, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "krew:", err)
		os.Exit(1)
	}
}

func run(version, url, license, output string, programs []string) error {
	if version == "" || url == "" || len(programs) == 0 {
		return fmt.Errorf("-version, -url and at least one PLATFORM=PROGRAM are needed")
	}
	m := manifest{
		APIVersion: "krew.googlecontainertools.github.com/v1alpha2", Kind: "Plugin", Metadata: map[string]string{"name": "tapio"},
		Spec: spec{
			Version: "v" + version, Homepage: "https://github.com/tapio/tapio", ShortDescription: "Query telemetry and incidents of a Tapio server",
			Description: about, Caveats: caveats,
		},
	}
	for _, argument := range programs {
		target, program, found := strings.Cut(argument, "=")
		system, architecture, slash := strings.Cut(target, "/")
		if !found || !slash {
			return fmt.Errorf("%q is not OS/ARCHITECTURE=PROGRAM", argument)
		}
		packed, err := pack(system, program, license)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		name := fmt.Sprintf("kubectl-tapio_%s_%s_%s.tar.gz", version, system, architecture)
		if err := os.WriteFile(filepath.Join(output, name), packed, 0o644); err != nil {
			return err
		}
		sum := sha256.Sum256(packed)
		m.Spec.Platforms = append(m.Spec.Platforms, platform{
			Selector: selector{map[string]string{"os": system, "arch": architecture}},
			URI:      url + "/" + name, SHA256: hex.EncodeToString(sum[:]), Bin: binary(system),
		})
	}
	text, err := yaml.Marshal(m)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(output, "krew-tapio.yaml"), text, 0o644)
}

func binary(system string) string {
	if system == "windows" {
		return "kubectl-tapio.exe"
	}
	return "kubectl-tapio"
}

// pack makes an archive without times and owners, so that the same program gives the same archive.
func pack(system, program, license string) ([]byte, error) {
	var packed bytes.Buffer
	compressed := gzip.NewWriter(&packed)
	archive := tar.NewWriter(compressed)
	for _, file := range []struct {
		name, from string
		mode       int64
	}{{binary(system), program, 0o755}, {"LICENSE", license, 0o644}} {
		content, err := os.ReadFile(file.from)
		if err != nil {
			return nil, err
		}
		if err := archive.WriteHeader(&tar.Header{Name: file.name, Mode: file.mode, Size: int64(len(content)), Typeflag: tar.TypeReg}); err != nil {
			return nil, err
		}
		if _, err := archive.Write(content); err != nil {
			return nil, err
		}
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	if err := compressed.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
