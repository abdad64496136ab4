// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package programpages

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Release lets go of the pages of the program that cannot be written. They stay in the
// kernel's cache of the file, and those that are needed are mapped again at the next
// access.
func Release() error {
	file, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return fmt.Errorf("find the program: %w", err)
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return fmt.Errorf("find the pages of the program: %w", err)
	}
	var errs []error
	for _, s := range readOnly(maps, file) {
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, uintptr(s.from), uintptr(s.to-s.from), unix.MADV_DONTNEED); errno != 0 {
			errs = append(errs, fmt.Errorf("release the pages of the program: %w", errno))
		}
	}
	return errors.Join(errs...)
}
