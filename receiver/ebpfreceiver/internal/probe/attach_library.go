//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/link"
)

// libraryFunction is a function of a library with the programs that run when it is
// entered and when it returns.
type libraryFunction struct {
	symbol       string
	enter, leave string
	needed       bool
}

// attachLibrary attaches to a file. What it attached stays until close, also where
// a later function fails; a function that is not needed may be missing.
func (p *Programs) attachLibrary(path string, functions []libraryFunction) error {
	file, err := link.OpenExecutable(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	for _, f := range functions {
		if err := p.attachFunction(file, f); err != nil && f.needed {
			return fmt.Errorf("%s of %s: %w", f.symbol, path, err)
		}
	}
	return nil
}

func (p *Programs) attachFunction(file *link.Executable, f libraryFunction) error {
	enter, leave := p.waiting[f.enter], p.waiting[f.leave]
	if enter == nil || f.leave != "" && leave == nil {
		return errors.New("its program is not loaded")
	}
	if leave != nil { // first, or a call could be entered that nobody sees return
		l, err := file.UretprobeMulti([]string{f.symbol}, leave, nil)
		if err != nil {
			return err
		}
		p.links = append(p.links, l)
	}
	l, err := file.UprobeMulti([]string{f.symbol}, enter, nil)
	if err != nil {
		return err
	}
	p.links = append(p.links, l)
	return nil
}
