//go:build linux

// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"fmt"
	"path"
	"strings"
	"unsafe"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/tapio/tapio/internal/semconv"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/emit"
	"github.com/tapio/tapio/receiver/ebpfreceiver/internal/kernel"
)

// The kinds of bpf/file.bpf.c.
const (
	kindFileOpen   = uint32(kernel.NumberFile)<<8 | 1
	kindFileWrite  = uint32(kernel.NumberFile)<<8 | 2
	kindFileUnlink = uint32(kernel.NumberFile)<<8 | 3
	kindFileRename = uint32(kernel.NumberFile)<<8 | 4
)

// fileRecord is the part of bpf/file.bpf.c's struct of that name that is always
// sent.
type fileRecord struct {
	kernel.Head
	Inode      uint64
	Size       uint64
	Bytes      uint64
	Calls      uint64
	Result     int64
	Number     uint32
	Flags      uint32
	Mode       uint32
	PathSize   uint16
	TargetSize uint16
	Created    uint8
	Closed     uint8
	Odd        uint8
	_          [5]uint8
	Comm       [16]byte
}

// fileEvent is a record with its paths.
type fileEvent struct {
	*fileRecord
	path, target string
}

// Decode implements Probe.
func (p *files) Decode(kind uint32, record []byte, out *emit.Batch) error {
	e, err := readFileEvent(record)
	if err != nil {
		return err
	}
	verb, known := fileVerbs()[kind]
	if !known {
		return kernel.ErrUnknownKind
	}
	// The kernel does not know what a name with dots in it leads to.
	if e.Odd != 0 && !wants(p.rules, e.path) && !wants(p.rules, e.target) {
		return nil
	}
	of := out.ProcessOf(&e.Head, kernel.Text(e.Comm[:]))
	event := out.Event("tapio.file."+verb, of, out.Clock.Wall(e.Time))
	to := event.Attributes()
	emit.PutLineage(to, of, out.Table)
	putPath(to, e.path)
	to.PutStr(semconv.SyscallName, kernel.CallName(p.names, e.Number))
	switch kind {
	case kindFileOpen:
		e.putOpened(to)
	case kindFileWrite:
		e.putWritten(to)
	case kindFileRename:
		emit.PutText(to, semconv.FileTargetPath, e.target)
	}
	said := verb + " " + e.path
	if e.target != "" {
		said += " to " + e.target
	}
	said += " by " + of.Name
	if e.Result < 0 {
		to.PutStr(semconv.ErrorType, kernel.ErrorName(-e.Result))
		said += ": " + kernel.ErrorName(-e.Result)
	}
	event.Body().SetStr(said)
	return nil
}

func fileVerbs() map[uint32]string {
	return map[uint32]string{kindFileOpen: "open", kindFileWrite: "write", kindFileUnlink: "unlink", kindFileRename: "rename"}
}

func readFileEvent(record []byte) (fileEvent, error) {
	e, err := kernel.As[fileRecord](record)
	if err != nil {
		return fileEvent{}, err
	}
	texts := record[unsafe.Sizeof(*e):]
	if len(texts) < int(e.PathSize)+int(e.TargetSize) {
		return fileEvent{}, kernel.ErrShort
	}
	return fileEvent{
		fileRecord: e,
		path:       cleaned(texts[:e.PathSize]),
		target:     cleaned(texts[e.PathSize : e.PathSize+e.TargetSize]),
	}, nil
}

// cleaned resolves dots by the text alone; links stay.
func cleaned(file []byte) string {
	if len(file) == 0 {
		return ""
	}
	return path.Clean(kernel.Text(file))
}

func putPath(to pcommon.Map, file string) {
	if file == "" {
		return
	}
	to.PutStr(semconv.FilePath, file)
	folder, name := path.Split(file)
	emit.PutText(to, semconv.FileName, name)
	to.PutStr(semconv.FileDirectory, path.Clean(folder))
	emit.PutText(to, semconv.FileExtension, strings.TrimPrefix(path.Ext(name), "."))
}

func (e *fileEvent) putOpened(to pcommon.Map) {
	to.PutStr(semconv.FileFlags, openFlags(e.Flags))
	if e.Result < 0 {
		return
	}
	to.PutBool(semconv.FileCreated, e.Created != 0)
	to.PutInt(semconv.FileSize, int64(e.Size))
	to.PutStr(semconv.FileInode, fmt.Sprint(e.Inode))
	to.PutStr(semconv.FileMode, fmt.Sprintf("%04o", e.Mode&0o7777))
}

func (e *fileEvent) putWritten(to pcommon.Map) {
	to.PutStr(semconv.FileFlags, openFlags(e.Flags))
	to.PutStr(semconv.FileInode, fmt.Sprint(e.Inode))
	to.PutInt(semconv.FileWritten, int64(e.Bytes))
	to.PutInt(semconv.FileWrites, int64(e.Calls))
	to.PutBool(semconv.FileClosed, e.Closed != 0)
}

// openFlags names the flags of an open as a program would write them.
func openFlags(flags uint32) string {
	names := []string{[...]string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}[flags&3]}
	for _, f := range openFlagNames() {
		if flags&f.bits == f.bits {
			names = append(names, f.name)
			flags &^= f.bits // O_TMPFILE holds O_DIRECTORY
		}
	}
	return strings.Join(names, "|")
}
