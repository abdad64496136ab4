// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"os"

	"github.com/tapio/tapio/cmd/tapioctl/internal/app"
)

// readKeyPresses returns the keys that are pressed, nil without a terminal, and what gives
// the terminal back.
func readKeyPresses(a *app.App) (keys <-chan byte, restore func()) {
	file, ok := a.In.(*os.File)
	if !ok {
		return nil, func() {}
	}
	restore, ok = readKeys(file)
	if !ok {
		return nil, func() {}
	}
	pressed := make(chan byte)
	go readBytes(file, pressed) // it ends with the program: reading a terminal cannot be interrupted
	return pressed, restore
}

// readBytes sends each byte that is read, and closes the channel at the end.
func readBytes(from io.Reader, to chan<- byte) {
	defer close(to)
	var one [1]byte
	for {
		n, err := from.Read(one[:])
		if n == 1 {
			to <- one[0]
		}
		if err != nil {
			return
		}
	}
}
