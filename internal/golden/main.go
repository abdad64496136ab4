// Copyright The Tapio Authors
// SPDX-License-Identifier: Apache-2.0

// Command tapiogolden writes the golden data of the collector's testbed as OTLP
// requests in protobuf, one file a request: traces and metrics of every kind.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/open-telemetry/opentelemetry-collector-contrib/internal/coreinternal/goldendataset"
	"github.com/open-telemetry/opentelemetry-collector-contrib/internal/coreinternal/testdata"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// manyLogs is how many log records the request of logs has.
const manyLogs = 100

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: tapiogolden PAIRS_FOLDER OUTPUT_FOLDER")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "failed to write golden data:", err)
		os.Exit(1)
	}
}

// write makes every request that the pairs describe.
func write(pairs, out string) error {
	pair := func(name string) string { return filepath.Join(pairs, "generated_pict_pairs_"+name+".txt") }
	traces, err := goldendataset.GenerateTraces(pair("traces"), pair("spans"))
	if err != nil {
		return err
	}
	for i, one := range traces {
		payload, err := ptraceotlp.NewExportRequestFromTraces(one).MarshalProto()
		if err := save(out, "traces", i, payload, err); err != nil {
			return err
		}
	}
	metrics, err := goldendataset.GenerateMetrics(pair("metrics"))
	if err != nil {
		return err
	}
	for i, one := range metrics {
		payload, err := pmetricotlp.NewExportRequestFromMetrics(one).MarshalProto()
		if err := save(out, "metrics", i, payload, err); err != nil {
			return err
		}
	}
	payload, err := plogotlp.NewExportRequestFromLogs(testdata.GenerateLogsManyLogRecordsSameResource(manyLogs)).MarshalProto()
	return save(out, "logs", 0, payload, err)
}

func save(out, signal string, n int, payload []byte, err error) error {
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, fmt.Sprintf("%s-%04d.binpb", signal, n)), payload, 0o600)
}
