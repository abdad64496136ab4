// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package lastseq

import "errors"

func mapFile(string, int) ([]byte, error) { return nil, errors.ErrUnsupported }
