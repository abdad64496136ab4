// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package store

// fileState is whether a chunk is in the directory.
type fileState uint8

const (
	fileNone  fileState = iota // it has no file, but its first rows may be in pieces
	fileReady                  // it is compacted, and waits to be written
	fileKept                   // it is in a file of its own
)

// chunkFiles is what the directory holds of a chunk. Rows that wait too long for
// their chunk to fill are written in pieces, which the file of the chunk replaces.
// It is guarded by the log's lock.
type chunkFiles struct {
	state  fileState
	pieces []filePiece // the oldest first, without gaps, from the chunk's first row on
}

// filePiece is a file that holds some rows of a chunk.
type filePiece struct {
	first uint64
	count int
}

// covered is how many of the chunk's first rows are in pieces.
func (f *chunkFiles) covered() (rows int) {
	for _, p := range f.pieces {
		rows += p.count
	}
	return rows
}

// nextPiece returns the row at which the next piece begins if it ends behind count
// rows. A piece replaces those before it that are not larger, so that a chunk has
// few of them however slowly it fills, and a row is written a few times only.
func (f *chunkFiles) nextPiece(count int) (from int) {
	from = f.covered()
	for i := len(f.pieces) - 1; i >= 0 && f.pieces[i].count <= count-from; i-- {
		from -= f.pieces[i].count
	}
	return from
}

// written notes a file. It returns the pieces that it makes superfluous, by their
// first sequence.
func (f *chunkFiles) written(p filePiece, whole bool) (superfluous []uint64) {
	kept := len(f.pieces)
	for kept > 0 && f.pieces[kept-1].first >= p.first {
		kept--
		if first := f.pieces[kept].first; first != p.first { // else the new file has taken its place
			superfluous = append(superfluous, first)
		}
	}
	f.pieces = f.pieces[:kept]
	if whole {
		f.state = fileKept
	} else {
		f.pieces = append(f.pieces, p)
	}
	return superfluous
}

// all returns the files of a chunk by their first sequence.
func (f *chunkFiles) all(first uint64) (files []uint64) {
	if f.state != fileNone {
		files = append(files, first)
	}
	for _, p := range f.pieces {
		if p.first != first || f.state == fileNone {
			files = append(files, p.first)
		}
	}
	return files
}

// gone notes that the files were removed.
func (f *chunkFiles) gone() {
	f.pieces = nil
	if f.state == fileKept {
		f.state = fileReady
	}
}
