// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestPlaces(t *testing.T) {
	id := strings.Repeat("0a1b2c3d", 8)
	const uid, underscored, static = "6b54a1f2-0c7d-4e2a-9c11-2f8f0c3f4a55", "6b54a1f2_0c7d_4e2a_9c11_2f8f0c3f4a55", "8d5e957f297893487bd98fa830fa6413"
	for name, c := range map[string]struct{ cgroups, container, pod string }{
		"docker, v2, systemd":          {"0::/system.slice/docker-" + id + ".scope", id, ""},
		"docker, v2, cgroupfs":         {"0::/docker/" + id, id, ""},
		"docker in docker":             {"0::/docker/" + strings.Repeat("f", 64) + "/docker/" + id, id, ""},
		"docker, v1":                   {"11:memory:/docker/" + id + "\n10:cpu,cpuacct:/docker/" + id + "\n0::/system.slice/docker.service", id, ""},
		"docker, hybrid":               {"0::/\n9:memory:/docker/" + id + "\n1:name=systemd:/docker/" + id, id, ""},
		"kubelet, docker, v1":          {"5:memory:/kubepods/besteffort/pod" + uid + "/" + id, id, uid},
		"containerd, systemd, v2":      {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + underscored + ".slice/cri-containerd-" + id + ".scope", id, uid},
		"containerd, guaranteed":       {"0::/kubepods.slice/kubepods-pod" + underscored + ".slice/cri-containerd-" + id + ".scope", id, uid},
		"containerd, cgroupfs, v2":     {"0::/kubepods/burstable/pod" + uid + "/" + id, id, uid},
		"containerd, mixed drivers":    {"4:memory:/system.slice/containerd.service/kubepods-besteffort-pod" + underscored + ".slice:cri-containerd:" + id, id, uid},
		"containerd, in a kind node":   {"0::/docker/" + strings.Repeat("e", 64) + "/kubelet/kubepods/pod" + uid + "/" + id, id, uid},
		"kind node, systemd":           {"0::/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" + underscored + ".slice/cri-containerd-" + id + ".scope", id, uid},
		"static pod":                   {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + static + ".slice/cri-containerd-" + id + ".scope", id, static},
		"cri-o, systemd":               {"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + underscored + ".slice/crio-" + id + ".scope", id, uid},
		"cri-o, nested":                {"0::/kubepods.slice/kubepods-pod" + underscored + ".slice/crio-" + id + ".scope/container", id, uid},
		"cri-o, what watches it":       {"0::/kubepods.slice/kubepods-pod" + underscored + ".slice/crio-conmon-" + id + ".scope", "", uid},
		"podman":                       {"0::/machine.slice/libpod-" + id + ".scope/container", id, ""},
		"podman, rootless":             {"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + id + ".scope", id, ""},
		"podman, what watches it":      {"0::/machine.slice/libpod-conmon-" + id + ".scope", "", ""},
		"nerdctl":                      {"0::/system.slice/nerdctl-" + id + ".scope", id, ""},
		"containerd, a namespace":      {"0::/default/" + id, id, ""},
		"ECS on EC2":                   {"9:memory:/ecs/task/0123456789abcdef0123456789abcdef/" + id, id, ""},
		"ECS on Fargate":               {"9:memory:/ecs/0123456789abcdef0123456789abcdef/0123456789abcdef0123456789abcdef-1234567890", "0123456789abcdef0123456789abcdef-1234567890", ""},
		"seen from another container":  {"0::/../../kubepods-pod" + underscored + ".slice/cri-containerd-" + id + ".scope", id, uid},
		"systemd inside a container":   {"0::/docker/" + id + "/init.scope", id, ""},
		"pod without a container":      {"0::/kubepods.slice/kubepods-pod" + underscored + ".slice", "", uid},
		"a service":                    {"0::/system.slice/sshd.service", "", ""},
		"a service with pod in it":     {"0::/system.slice/podman.service", "", ""},
		"a session":                    {"0::/user.slice/user-1000.slice/session-3.scope", "", ""},
		"a hash that is too short":     {"0::/process_api/9f185f53d86dbc27691e0e6a8271a145", "", ""},
		"hex of the length, not a hex": {"0::/docker/" + strings.Repeat("g", 64), "", ""},
		"the root":                     {"0::/", "", ""},
		"nothing":                      {"", "", ""},
		"rubbish":                      {"a\n::\nb:c\n\x00", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			place := PlaceOf(c.cgroups)
			assert.Equal(t, c.container, place.ContainerID, "container")
			assert.Equal(t, c.pod, place.PodUID, "pod")
		})
	}
}

func TestPlaceOutsideContainersNamesItsCgroup(t *testing.T) {
	assert.Equal(t, "/system.slice/sshd.service", PlaceOf("4:memory:/\n0::/system.slice/sshd.service\n").Cgroup)
	assert.Equal(t, "/batch", PlaceOf("4:memory:/batch\n0::/\n").Cgroup, "in hybrid mode v2 has all in its root")
	assert.Equal(t, "/batch", PlaceOf("4:memory:/batch\n0::/init.scope\n").Cgroup, "as the programs in the kernel choose")
	assert.Equal(t, "/", PlaceOf("4:memory:/\n0::/\n").Cgroup)
}

func FuzzPlaceOf(f *testing.F) {
	f.Add("0::/docker/" + strings.Repeat("a", 64))
	f.Add("9:memory:/ecs/a/a-1\n0::/")
	f.Add("0::/kubepods.slice/kubepods-pod0a1b2c3d_0123_4567_89ab_0123456789ab.slice/cri-containerd-" + strings.Repeat("a", 64) + ".scope\r\n")
	f.Add("0::\xff/docker/\xc3" + strings.Repeat("0", 64) + "\n:::\n")
	f.Fuzz(func(t *testing.T, cgroups string) {
		place := PlaceOf(cgroups)
		if place.ContainerID != "" {
			assert.Contains(t, cgroups, place.ContainerID)
		}
		if place.PodUID != "" {
			assert.Contains(t, strings.ReplaceAll(cgroups, "_", "-"), place.PodUID)
		}
		assert.Contains(t, cgroups, place.Cgroup)
	})
}
