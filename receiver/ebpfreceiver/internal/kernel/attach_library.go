//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/link"
)

// LibraryFunction is a function of a library with the programs that run when it is
// entered and when it returns.
type LibraryFunction struct {
	Symbol       string
	Enter, Leave string
	Needed       bool
}

// AttachLibrary attaches to a file. What it attached stays until close, also where
// a later function fails; a function that is not needed may be missing.
func (p *Programs) AttachLibrary(path string, functions []LibraryFunction) error {
	file, err := link.OpenExecutable(path)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	for _, f := range functions {
		if err := p.attachFunction(file, f); err != nil && f.Needed {
			return fmt.Errorf("%s of %s: %w", f.Symbol, path, err)
		}
	}
	return nil
}

func (p *Programs) attachFunction(file *link.Executable, f LibraryFunction) error {
	enter, leave := p.Waiting[f.Enter], p.Waiting[f.Leave]
	if enter == nil || f.Leave != "" && leave == nil {
		return errors.New("its program is not loaded")
	}
	if leave != nil { // first, or a call could be entered that no one sees return
		l, err := file.UretprobeMulti([]string{f.Symbol}, leave, nil)
		if err != nil {
			return err
		}
		p.links = append(p.links, l)
	}
	l, err := file.UprobeMulti([]string{f.Symbol}, enter, nil)
	if err != nil {
		return err
	}
	p.links = append(p.links, l)
	return nil
}
