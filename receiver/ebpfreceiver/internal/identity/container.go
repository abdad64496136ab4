//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// maxConfig bounds a file of an engine that describes a container.
const maxConfig = 1 << 20

// containerNames are by what a container calls its service, and itself.
type containerNames struct {
	service, namespace, name string
}

// described is what the files of Docker (config.v2.json) and of OCI runtimes
// (config.json) report a container.
type described struct {
	Name   string
	Config struct {
		Labels map[string]string
	}
	Annotations map[string]string `json:"annotations"`
}

// containers knows what containers are called.
type containers struct {
	root  string // of /proc
	known *simplelru.LRU[string, containerNames]
}

// namesOf asks the engines' files about a container. On the host, and in a container
// that sees the host's processes, they are below the root of the first process.
func (c *containers) namesOf(id string) containerNames {
	if names, ok := c.known.Get(id); ok {
		return names
	}
	var names containerNames
	if !strings.ContainsAny(id, "/.*?[\\") {
		names = c.describe(id)
	}
	c.known.Add(id, names)
	return names
}

func (c *containers) describe(id string) containerNames {
	for _, root := range []string{filepath.Join(c.root, "1", "root"), "/"} {
		for _, pattern := range []string{
			"var/lib/docker/containers/" + id + "/config.v2.json",
			"run/containerd/io.containerd.runtime.v2.task/*/" + id + "/config.json",
			"run/k3s/containerd/io.containerd.runtime.v2.task/*/" + id + "/config.json",
			"var/lib/containers/storage/overlay-containers/" + id + "/userdata/config.json",
			"run/containers/storage/overlay-containers/" + id + "/userdata/config.json",
		} {
			files, err := filepath.Glob(filepath.Join(root, pattern))
			if err != nil {
				continue
			}
			for _, file := range files {
				if d, ok := readDescribed(file); ok {
					return d.names()
				}
			}
		}
	}
	return containerNames{}
}

func readDescribed(file string) (d described, ok bool) {
	opened, err := os.Open(file)
	if err != nil {
		return d, false
	}
	defer func() { _ = opened.Close() }()
	text, err := io.ReadAll(io.LimitReader(opened, maxConfig))
	return d, err == nil && json.Unmarshal(text, &d) == nil
}

func (d *described) names() containerNames {
	label := func(keys ...string) string {
		for _, key := range keys {
			if value := cmp.Or(d.Config.Labels[key], d.Annotations[key]); value != "" {
				return bounded(value)
			}
		}
		return ""
	}
	return containerNames{
		service: label("resource.opentelemetry.io/service.name", "app.kubernetes.io/name", "com.docker.compose.service", "com.docker.swarm.service.name",
			"com.amazonaws.ecs.container-name", "nerdctl/compose-service"),
		namespace: label("resource.opentelemetry.io/service.namespace", "io.kubernetes.cri.sandbox-namespace", "io.kubernetes.pod.namespace"),
		name: cmp.Or(label("io.kubernetes.container.name", "io.kubernetes.cri.container-name", "nerdctl/name", "io.podman.annotations.container-name"),
			bounded(strings.TrimPrefix(d.Name, "/"))),
	}
}

// unitOf is the service of systemd that a cgroup belongs to, "" for none. Managers of
// users and engines of containers are not what runs in them.
func unitOf(place *Place) string {
	for part := range strings.SplitSeq(place.Cgroup, "/") {
		if place.ContainerID != "" && strings.Contains(part, place.ContainerID) {
			inside := place.Cgroup[strings.Index(place.Cgroup, part)+len(part):]
			return lastUnit(inside)
		}
	}
	return lastUnit(place.Cgroup)
}

func lastUnit(cgroup string) string {
	unit := ""
	for part := range strings.SplitSeq(cgroup, "/") {
		if name, ok := strings.CutSuffix(part, ".service"); ok && !strings.HasPrefix(name, "user@") {
			unit = name
		}
	}
	return unescaped(unit)
}

// unescaped turns \x2d of systemd into what it stands for.
func unescaped(unit string) string { return strings.ReplaceAll(unit, `\x2d`, "-") }
