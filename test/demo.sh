#!/usr/bin/env bash
# Copyright The Tapio Authors
# SPDX-License-Identifier: Apache-2.0

# `make demo`: starts the collector, unless one runs, then the demo shop, and ends what it started. The arguments are those
# of `tapioctl demo`.

set -eu
log=.build/demo-collector.log

if bin/tapioctl --timeout 2s status >/dev/null 2>&1; then
	echo "Using the collector that runs at ${TAPIO_SERVER:-localhost:4417}."
	exec bin/tapioctl demo "$@"
fi

# A server that the environment names is not one to start: tapioctl reports why it cannot be used.
if [ -n "${TAPIO_SERVER:-}" ]; then
	exec bin/tapioctl demo "$@"
fi

mkdir -p .build
bin/tapio --config distribution/config/tapio.yaml >"$log" 2>&1 &
collector=$!
trap 'kill $collector 2>/dev/null; wait $collector || true' EXIT
trap 'exit 130' INT TERM

until bin/tapioctl --timeout 2s status >/dev/null 2>&1; do
	if ! kill -0 $collector 2>/dev/null; then
		tail -n 3 "$log" >&2
		echo "The collector did not start; $log has the rest. Where a port is in use, end the program that listens on it" >&2
		echo "(ss -ltnp), or start a collector with other ports and run: bin/tapioctl demo --server HOST:PORT --otlp-endpoint URL" >&2
		exit 1
	fi
	sleep 0.2
done
echo "The collector runs; its log is $log."
bin/tapioctl demo "$@"
