// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package tapioextension

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestMemoryOfTheContainer(t *testing.T) {
	const mount = "sys/fs/cgroup/"
	for name, test := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"no control groups": {nil, math.MaxInt64},
		"no limit":          {map[string]string{"proc/self/cgroup": "0::/a\n", mount + "a/memory.max": "max\n"}, math.MaxInt64},
		"version 2":         {map[string]string{"proc/self/cgroup": "0::/a\n", mount + "a/memory.max": "1000\n"}, 1000},
		"the limit of a parent": {map[string]string{
			"proc/self/cgroup": "0::/a/b\n", mount + "a/memory.max": "500\n", mount + "a/b/memory.max": "1000\n",
		}, 500},
		"the namespace of a container": {map[string]string{"proc/self/cgroup": "0::/../x\n", mount + "memory.max": "700\n"}, 700},
		"version 1": {map[string]string{
			"proc/self/cgroup": "8:memory:/a\n2:cpu:/b\n", mount + "memory/a/memory.limit_in_bytes": "600\n",
			mount + "memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 600},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for file, content := range test.files {
				path := filepath.Join(root, file)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
				require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			}
			assert.Equal(t, test.want, containerMemory(root))
		})
	}
}
