// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command protodeps writes the .proto files that Tapio's contract imports into
// a folder, so that buf can lint and generate without any network registry. The
// files are printed from the descriptors linked into the pinned Go modules: the
// schema that the Go code uses and the schema that buf sees are thus the same.
package main

import (
	"fmt"
	"os"

	"github.com/jhump/protoreflect/v2/protoprint"
	"google.golang.org/protobuf/reflect/protoreflect"

	logsv1 "go.opentelemetry.io/proto/otlp/logs/v1"
	metricsv1 "go.opentelemetry.io/proto/otlp/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/genproto/googleapis/api/annotations"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: protodeps FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "protodeps:", err)
		os.Exit(1)
	}
}

func write(folder string) error {
	files := closure(
		logsv1.File_opentelemetry_proto_logs_v1_logs_proto,
		metricsv1.File_opentelemetry_proto_metrics_v1_metrics_proto,
		tracev1.File_opentelemetry_proto_trace_v1_trace_proto,
		annotations.File_google_api_annotations_proto,
	)
	printer := protoprint.Printer{Compact: true}
	return printer.PrintProtosToFileSystem(files, folder)
}

// closure adds what the roots import, except google/protobuf, which buf brings
// along itself.
func closure(roots ...protoreflect.FileDescriptor) []protoreflect.FileDescriptor {
	seen := map[string]bool{}
	var all []protoreflect.FileDescriptor
	var visit func(protoreflect.FileDescriptor)
	visit = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] || file.Package() == "google.protobuf" {
			return
		}
		seen[file.Path()] = true
		all = append(all, file)
		for i := range file.Imports().Len() {
			visit(file.Imports().Get(i).FileDescriptor)
		}
	}
	for _, root := range roots {
		visit(root)
	}
	return all
}
