// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

package profilerules

func compression() Rule {
	return Rule{
		ID: "compression", Title: "Compression", Applies: CPU,
		Threshold: 0.10, Source: "Kanev et al. 2015",
		Explanation: "Data is compressed or unpacked.",
		Advice: "Lower the level, use zstd or lz4 instead of gzip, compress once and cache, and do not compress what is small " +
			"or compressed already.",
		Frames: []Frames{
			{Language: Go, Functions: []string{
				"compress/*", "github.com/klauspost/compress/*", "github.com/klauspost/pgzip*",
				"github.com/golang/snappy.*", "github.com/pierrec/lz4*", "github.com/andybalholm/brotli.*",
			}, Not: []string{"github.com/klauspost/compress/gzhttp*"}},
			{Language: Java, Functions: []string{
				"java.util.zip.Deflater.*", "java.util.zip.Inflater.*", "java.util.zip.GZIP*", "com.github.luben.zstd.*",
				"org.xerial.snappy.*", "net.jpountz.lz4.*",
			}},
			{Language: Python, Functions: []string{"gzip.*"}, Files: []string{"gzip.py"}},
			{Language: Node, Functions: []string{"*ZlibContext*", "*ZlibStream*"}},
			{Language: Native, Functions: []string{
				"deflate", "deflate_*", "inflate", "inflate_fast*", "longest_match*", "compress_block", "ZSTD_*", "LZ4_*",
				"BrotliEncoder*", "BrotliDecoder*", "lzma_*", "snappy::*",
			}},
		},
	}
}
