# Copyright The Tapio Authors
# SPDX-License-Identifier: Apache-2.0

# `make run`, `make test` and `make build` need Go and make, nothing else. The other targets install their tools, pinned
# here, into .tools/.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# The packages that `go install` gets; the stamp of each carries its version, so a new version here is installed again.
PROTO_TOOLS := github.com/bufbuild/buf/cmd/buf@v1.75.0 \
	google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12 \
	google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2 \
	github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway@v2.29.0 \
	github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-openapiv2@v2.29.0 \
	github.com/pseudomuto/protoc-gen-doc/cmd/protoc-gen-doc@v1.5.1
# Goes with the collector that builder-config.yaml names, and so does mdatagen, which internal/tools/go.mod pins.
OCB := go.opentelemetry.io/collector/cmd/builder@v0.158.0
PACKAGE_TOOLS := github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.44.2 github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
HELM_TOOLS := helm.sh/helm/v4/cmd/helm@v4.3.1 github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
LINT_TOOLS := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

TOOLS := $(CURDIR)/.tools
stamps = $(addprefix $(TOOLS)/.,$(notdir $(1)))
with_tools := PATH="$(TOOLS):$$PATH"

# The version is that of the tag, else of builder-config.yaml, with commit and day. Without git it is the latter alone.
TAG := $(patsubst v%,%,$(shell git describe --tags --exact-match --match 'v[0-9]*' 2> /dev/null))
VERSION := $(or $(TAG),$(shell sed -n 's/^  version: //p' builder-config.yaml))
COMMIT := $(if $(TAG),,$(shell git rev-parse --short=7 HEAD 2> /dev/null))
COMMIT_DATE := $(shell git log -1 --format=%cs 2> /dev/null)
FULL_VERSION := $(VERSION)$(if $(COMMIT),+$(subst -,,$(COMMIT_DATE)).$(COMMIT))
versioned := -X github.com/tapio/tapio/collector.version=$(VERSION) -X github.com/tapio/tapio/collector.commit=$(COMMIT) -X github.com/tapio/tapio/collector.date=$(COMMIT_DATE)
LDFLAGS := -s -w

# For every use of Go, so that builds, tests and linters share what they compile. Without cgo the binaries run on any
# Linux; without paths and VCS stamps the same source gives the same binary wherever it lies.
export CGO_ENABLED := 0
export GOFLAGS := $(GOFLAGS) -trimpath -buildvcs=false

# Flags for `go test`, for example GOTESTFLAGS=-v.
GOTESTFLAGS ?=
# How long each fuzz target runs: a number of runs, or a time. With a time, Go before 1.27 now and then fails a target at its end with
# "context deadline exceeded" and no input (https://go.dev/issue/75804).
FUZZTIME ?= 5000x
BENCH ?= .
unit_packages = $$(go list ./... | grep -v -e /test/e2e -e /test/scenarios)

EVERYDAY_CONFIGS := $(wildcard distribution/config/*.yaml distribution/config/examples/*.yaml)
FULL_CONFIGS := $(EVERYDAY_CONFIGS) $(wildcard distribution/full/config/*.yaml)

##@ Use

.PHONY: run
run: build ## Build and start the collector: this host's metrics, OTLP on 4317/4318, answers on 4417/4418
	bin/tapio --config distribution/config/tapio.yaml

.PHONY: demo
demo: build ## Build and start the collector and a small shop with faults to find; ARGS="--fault payment-db-slow" starts one
	@bash test/demo.sh $(ARGS)

.PHONY: build
build: bin/tapio bin/tapioctl ## Build bin/tapio and bin/tapioctl

.PHONY: build-full
build-full: bin/tapio-full ## Build bin/tapio-full, with the components for clusters (slow, wants 4 GB of memory)

# Phony, for only Go knows whether a binary is out of date.
.PHONY: bin/tapio bin/tapio-full bin/tapioctl
bin/tapio:
	go -C distribution build -ldflags "$(LDFLAGS) $(versioned)" -o $(CURDIR)/$@ .
bin/tapio-full:
	go -C distribution/full build -ldflags "$(LDFLAGS) $(versioned)" -o $(CURDIR)/$@ .
bin/tapioctl:
	go build -ldflags "$(LDFLAGS) -X main.version=$(FULL_VERSION)" -o $@ ./cmd/tapioctl

# The stock supervisor of collectors, for the test of remote configuration.
.PHONY: bin/opampsupervisor
bin/opampsupervisor:
	go -C internal/opampsupervisor build -ldflags "$(LDFLAGS)" -o $(CURDIR)/$@ github.com/open-telemetry/opentelemetry-collector-contrib/cmd/opampsupervisor

# An S3-compatible server, for the tests of the archive.
.PHONY: bin/versitygw
bin/versitygw:
	go -C internal/s3server build -ldflags "$(LDFLAGS)" -o $(CURDIR)/$@ github.com/versity/versitygw/cmd/versitygw

# Jaeger 1.76, which records the golden answers of its query API. Large: 85 MB, and minutes to build.
.PHONY: bin/jaeger
bin/jaeger:
	go -C internal/jaegerquery build -ldflags "$(LDFLAGS)" -o $(CURDIR)/$@ github.com/jaegertracing/jaeger/cmd/jaeger

##@ Check

.PHONY: test
test: build ## Run all tests: the packages, the laws, and end to end on the built binaries
	go test -timeout 30m $(GOTESTFLAGS) $(unit_packages)
	go -C internal/promcompare test $(GOTESTFLAGS) ./...
	go -C internal/elasticsearchtest test $(GOTESTFLAGS) ./...
	go -C internal/tools test $(GOTESTFLAGS) ./krew ./notices ./packagegraph
	@$(MAKE) e2e-only

# The engine of ClickHouse as a library, which the tests of that backend run on: 166 MB from npm, 560 MB on disk.
CHDB := $(TOOLS)/chdb-26.5.3/package/libchdb.so

$(CHDB):
	@mkdir -p $(TOOLS)/chdb-26.5.3
	cd $(TOOLS)/chdb-26.5.3 && npm pack --silent @chdb/lib-linux-x64-gnu@26.5.3 && tar xzf chdb-lib-linux-x64-gnu-26.5.3.tgz package/libchdb.so && rm chdb-lib-linux-x64-gnu-26.5.3.tgz
	@touch $@

.PHONY: test-clickhouse
test-clickhouse: $(CHDB) bin/tapio-full ## Test the ClickHouse backend on the real engine, written to by the real exporter (needs npm)
	CHDB_LIB_PATH=$(abspath $(CHDB)) go -C internal/clickhousetest test -count=1 -timeout 30m $(GOTESTFLAGS) ./...

.PHONY: test-archive
test-archive: bin/tapio bin/tapioctl bin/versitygw ## Archive and restore on an S3-compatible server, over a path with faults
	go test -count=1 -timeout 10m $(GOTESTFLAGS) -v -run TestArchiveOnAnS3Server ./test/e2e

.PHONY: bench-clickhouse
bench-clickhouse: $(CHDB) bin/tapio-full ## Compare the latency of queries on memory and on ClickHouse's engine; RECORDS=200000
	TAPIO_LATENCY_RECORDS=$(or $(RECORDS),200000) CHDB_LIB_PATH=$(abspath $(CHDB)) go -C internal/clickhousetest test -count=1 -timeout 30m -v -run "TestLatencies|TestWhatUsersWaitFor" .

.PHONY: test-race
test-race: ## Run the packages' tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -timeout 40m $(GOTESTFLAGS) $(unit_packages)

.PHONY: e2e
e2e: build e2e-only ## Run the end-to-end tests only

# Not cached: Go does not see that the binaries under test have changed.
.PHONY: e2e-only
e2e-only: bin/opampsupervisor
	go test -count=1 -timeout 30m $(GOTESTFLAGS) ./test/e2e/...

# The generator is a module of its own, see its go.mod.
.PHONY: golden
golden: bin/tapio ## Send the golden data of the collector's testbed to bin/tapio and compare what comes back
	@rm -rf .build/golden && mkdir -p .build/golden
	pairs=$$(go -C internal/golden list -m -f '{{.Dir}}' github.com/open-telemetry/opentelemetry-collector-contrib/internal/coreinternal)/goldendataset/testdata; \
	go -C internal/golden run . "$$pairs" $(CURDIR)/.build/golden
	TAPIO_GOLDEN=$(CURDIR)/.build/golden go test -count=1 $(GOTESTFLAGS) -run TestGoldenData ./test/e2e

.PHONY: golden-jaeger
golden-jaeger: bin/jaeger ## Record the answers of Jaeger's query API that bin/tapio is compared with
	JAEGER_BIN=$(CURDIR)/bin/jaeger go test -count=1 $(GOTESTFLAGS) -run TestRecordJaegerAnswers ./test/e2e

.PHONY: bench
bench: ## Run the benchmarks; BENCH selects by name
	go test -run '^$$' -bench '$(BENCH)' -benchmem $(unit_packages)

.PHONY: bench-ingest
bench-ingest: bin/tapio ## Measure what bin/tapio takes in, beside a nop pipeline: DURATION, ROUNDS, SIGNALS; RATE=165000: one long run
	go run ./test/bench ingest

.PHONY: bench-durability
bench-durability: bin/tapio ## Measure what store::durability costs, beside a store in memory: DURATION, ROUNDS, SIGNALS, DIRECTORY
	VARIANTS=nop,tapio,none,async,sync go run ./test/bench ingest

.PHONY: bench-stream
bench-stream: bin/tapio ## Measure the streams that write, beside OTLP; RATE=165000 DURATION=10m VARIANTS=events: one long run
	go run ./test/bench stream

.PHONY: bench-many
bench-many: build ## Hold 1,000 idle streams and 200 that write open, and let 1,000 collectors beat; tells the memory
	go test -count=1 -v -run 'TestManyStreams|TestAThousandCollectorsKeepBeating' ./test/e2e

.PHONY: bench-tails
bench-tails: bin/tapio ## Let 1,000 live tails (TAILS) follow all log records at 20,000 a second (RATE) for DURATION; fails if one is neither received nor reported as lost
	go run ./test/bench tails

.PHONY: bench-query
bench-query: bin/tapio ## Measure the answers of bin/tapio over N log records, at rest and under load
	go run ./test/bench query

.PHONY: bench-promql
bench-promql: bin/tapio ## Measure PromQL of bin/tapio beside Prometheus (PROMETHEUS, from PATH) over the same 1,000,000 samples
	go run ./test/bench promql

.PHONY: bench-jaeger
bench-jaeger: bin/tapio bin/jaeger ## Measure the Jaeger API of bin/tapio beside Jaeger with its store in memory, over the same SPANS
	go run ./test/bench jaeger

.PHONY: scenarios
scenarios: bin/tapio bin/tapioctl ## Break a small shop in one way at a time and check what bin/tapio says of it (as root: on this kernel too)
	go test -count=1 -timeout 20m -parallel 5 $(GOTESTFLAGS) ./test/scenarios

.PHONY: scenarios-all
scenarios-all: bin/tapio bin/tapioctl ## The scenarios with those that take longer
	TAPIO_SCENARIOS=all go test -count=1 -timeout 30m -parallel 5 $(GOTESTFLAGS) ./test/scenarios

.PHONY: eval-rca
eval-rca: bin/tapio ## Replay labelled faults under DATA through bin/tapio and count how often it names the cause; ARGS="-shuffle 30s -loss 0.05 -duplicates 0.1 -sampling 0.1 -asked -2m -rename" disturbs them, ARGS=-pass leaves out each case alone
	go run ./test/evalrca $(ARGS) "$(DATA)"

# Each variable is the flag of the same name; ARGS takes the others, for example ARGS="-v -dump /tmp/said".
.PHONY: simulate
simulate: bin/tapio ## Show simulated systems with faults and noise to bin/tapio and score it: SEED, SYSTEMS, HOURS, KINDS, RATE, SAMPLING, SHUFFLE, QUIET=1, ARGS
	go run ./test/simulate $(foreach flag,seed systems hours kinds rate sampling shuffle services budget quiet red,$(if $($(shell echo $(flag) | tr a-z A-Z)),-$(flag)='$($(shell echo $(flag) | tr a-z A-Z))')) $(ARGS)

.PHONY: compare-learned
compare-learned: bin/tapio ## Show the same simulated systems to bin/tapio and to models that learn from measures alone, and score all of them: SEED, SYSTEMS, HOURS, SERVICES, RATE
	go run ./test/simulate/compare $(foreach flag,seed systems hours rate services budget,$(if $($(shell echo $(flag) | tr a-z A-Z)),-$(flag)='$($(shell echo $(flag) | tr a-z A-Z))'))

.PHONY: simulate-fleet
simulate-fleet: bin/tapio ## Send the findings and edges of AGENTS (1000) nodes to one gateway, and measure CPU, memory and the time to the right cause
	go run ./test/simulate/fleet -agents $(or $(AGENTS),1000) $(ARGS)

.PHONY: bench-http
bench-http: bin/tapio ## Count 24,000 HTTP requests from both sides, and measure what a request costs unseen and seen (needs root)
	TAPIO_HTTP_REQUESTS=24000 go test -count=1 -v -run TestEveryHTTPRequestIsSeen ./receiver/ebpfreceiver/
	go test -run '^$$' -bench HTTPRequest -benchtime 24000x ./receiver/ebpfreceiver/

.PHONY: bench-nginx
bench-nginx: bin/tapio ## Measure what nginx keeps of its throughput beside the shipped configuration (needs root, nginx, wrk): ROUNDS
	go test -run '^$$' -bench Nginx -benchtime $(or $(ROUNDS),3)x ./receiver/ebpfreceiver/

.PHONY: bench-profile
bench-profile: bin/tapio ## Measure what profiles of the whole host cost, the probe off and on by turns, beside 50,000 blocked threads a second (needs root): ROUNDS
	go test -run '^$$' -bench 'Profile$$' -benchtime $(or $(ROUNDS),3)x -timeout 60m -v ./receiver/ebpfreceiver/

.PHONY: bench-profile-bytes
bench-profile-bytes: ## Measure what a sample of this host's profiles takes in the store, in some minutes (MINUTES, 5) of whatever runs here (needs root): PROGRAMS, FREQUENCY
	go test -run '^$$' -bench ProfileBytes -benchtime 1x -timeout 90m -v ./receiver/ebpfreceiver/

.PHONY: bench-ebpf
bench-ebpf: ## Measure the eBPF receiver on this kernel, as root: events, calls, a mixed load
	@mkdir -p .build
	go test -c -o .build/ebpf.test ./receiver/ebpfreceiver
	cd receiver/ebpfreceiver && $(CURDIR)/.build/ebpf.test -test.run '^$$' -test.bench 'Events|MixedLoad' -test.benchtime 1x
	cd receiver/ebpfreceiver && $(CURDIR)/.build/ebpf.test -test.run '^$$' -test.bench 'Reader|Decode' -test.benchtime 50x
	cd receiver/ebpfreceiver && $(CURDIR)/.build/ebpf.test -test.run '^$$' -test.bench 'Syscall' -test.benchtime 1x
	go test -c -o .build/probe.test ./receiver/ebpfreceiver/internal/probe
	.build/probe.test -test.run '^$$' -test.bench 'File' -test.benchtime 0.5s

# What takes too long for every change.
.PHONY: nightly
nightly: soak scenarios-all kills package-test helm-check helm-apiserver test-clickhouse test-archive ui-demo ## Run the long tests
	@$(MAKE) fuzz FUZZTIME=60s

.PHONY: kills
kills: build ## Kill a collector with store::durability sync 20 times under load: nothing acknowledged may be missing
	TAPIO_KILLS=20 go test -count=1 -timeout 40m -v -run TestAfterAKillWithSync ./test/e2e

.PHONY: soak
soak: bin/tapio ## Run the shipped configuration as root under a mixed load of real programs for DURATION (1h)
	go run ./test/soak -duration $(or $(DURATION),1h)

.PHONY: fuzz
fuzz: ## Run every fuzz target FUZZTIME long (5000x: so many inputs; 30s: so long)
	@go test -list '^Fuzz' $(unit_packages) \
	| awk '/^Fuzz/ { names[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, names[i]; n = 0 }' \
	| while read -r package name; do \
		echo "$$package $$name"; \
		go test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$package" </dev/null; \
	done

.PHONY: lint
lint: $(call stamps,$(LINT_TOOLS) $(PROTO_TOOLS)) protodeps ## Check style, laws and formatting of Go (golangci-lint, gofumpt) and proto (buf)
	$(TOOLS)/golangci-lint run ./...
	cd internal/tools && $(TOOLS)/golangci-lint run ./...
	cd internal/promcompare && $(TOOLS)/golangci-lint run ./...
	cd internal/clickhousetest && $(TOOLS)/golangci-lint run ./...
	cd internal/elasticsearchtest && $(TOOLS)/golangci-lint run ./...
	@$(MAKE) vet-others
	$(TOOLS)/buf lint

# What only Linux has must not keep the collector from compiling elsewhere.
.PHONY: vet-others
vet-others: # the interface of Prometheus names a method Seek, with other parameters than that of package io
	GOOS=darwin go vet -stdmethods=false ./receiver/ebpfreceiver/... ./extension/... ./exporter/... ./processor/... ./connector/...
	GOOS=windows go vet ./receiver/ebpfreceiver/...

.PHONY: validate
validate: validate-everyday validate-full ## Check every example configuration with the binary it is for (builds both)

.PHONY: validate-everyday
validate-everyday: bin/tapio
	@$(call validate,bin/tapio,$(EVERYDAY_CONFIGS))

# The full distribution runs the everyday configurations too.
.PHONY: validate-full
validate-full: bin/tapio-full
	@$(call validate,bin/tapio-full,$(FULL_CONFIGS))
	go test -count=1 $(GOTESTFLAGS) -run TestCollectorConfigurationsAreValid ./test/helm

# Validating creates the folder for a collector's state, so it gets one of its own.
validate = mkdir -p .build/state; for config in $(2); do \
	echo "$(1) validate --config $$config"; \
	TAPIO_STATE=$(CURDIR)/.build/state $(1) validate --config $$config; \
	done; \
	$(1) components | sed -n 's/^ *- name: //p' | sort -u | while read -r component; do \
	grep -qE "^ +$$component(/[a-z0-9_]+)?:" $(2) || \
	{ echo "$(1) holds $$component, but no example configuration uses it" >&2; exit 1; }; \
	done

##@ Release

# Packages of deb and rpm, archives, checksums and a list of components, for each architecture.
ARCHITECTURES := amd64 arm64
PACKAGES := .build/packages
# Man pages have the day of the commit.
man_date := SOURCE_DATE_EPOCH=$(or $(shell git log -1 --format=%ct 2> /dev/null),0)

.PHONY: package
package: $(call stamps,$(PACKAGE_TOOLS)) ## Make deb, rpm, tar.gz and an OCI image of the collector and tapioctl in .build/packages (ARCHITECTURES="amd64 arm64")
	@rm -rf $(PACKAGES) && mkdir -p $(PACKAGES)
	go -C internal/tools run ./notices $(CURDIR)/$(PACKAGES)/THIRD_PARTY_NOTICES $(CURDIR)/distribution $(CURDIR)/cmd/tapioctl
	printf '\n' | cat - ui/THIRD_PARTY_NOTICES >> $(PACKAGES)/THIRD_PARTY_NOTICES
	go run ./cmd/tapioctl completion bash > $(PACKAGES)/completion.bash
	$(man_date) go run ./docs/generate man $(PACKAGES)/man
	$(man_date) go run ./cmd/tapioctl docs man $(PACKAGES)/man
	gzip -n -9 $(PACKAGES)/man/*.1
	@$(foreach arch,$(ARCHITECTURES),$(MAKE) package-$(arch) &&) true
	$(image) -output $(CURDIR)/$(PACKAGES)/tapio_$(FULL_VERSION)_oci.tar $(foreach arch,$(ARCHITECTURES),$(arch)=$(CURDIR)/$(PACKAGES)/stage/tapio_$(FULL_VERSION)_$(arch))
	cd $(PACKAGES) && rm -r THIRD_PARTY_NOTICES completion.bash man stage && sha256sum * > SHA256SUMS && cat SHA256SUMS

package-%: STAGE = $(PACKAGES)/stage/tapio_$(FULL_VERSION)_$*
package-%:
	@mkdir -p $(STAGE)
	GOARCH=$* go -C distribution build -ldflags "$(LDFLAGS) $(versioned)" -o $(CURDIR)/$(STAGE)/tapio .
	GOARCH=$* go build -ldflags "$(LDFLAGS) -X main.version=$(FULL_VERSION)" -o $(STAGE)/tapioctl ./cmd/tapioctl
	$(TOOLS)/cyclonedx-gomod bin -json -version $(FULL_VERSION) -output $(PACKAGES)/tapio_$(FULL_VERSION)_linux_$*.cdx.json $(STAGE)/tapio
	cp LICENSE CHANGELOG.md README.md distribution/config/tapio.yaml $(PACKAGES)/THIRD_PARTY_NOTICES $(PACKAGES)/completion.bash $(STAGE)/
	cp -r $(PACKAGES)/man $(STAGE)/
	for kind in deb rpm; do ARCH=$* VERSION=$(FULL_VERSION) STAGE=$(STAGE) $(TOOLS)/nfpm package --config distribution/packaging/nfpm.yaml --packager $$kind --target $(PACKAGES)/; done
	tar -C $(PACKAGES)/stage --sort=name --owner=0 --group=0 --numeric-owner -czf $(PACKAGES)/tapio_$(FULL_VERSION)_linux_$*.tar.gz $(notdir $(STAGE))

# An OCI image of all architectures, without Docker and from an empty base; all files have the time of the commit.
image = go -C internal/tools run ./image -version $(FULL_VERSION) -created $(or $(COMMIT_DATE),1970-01-01)T00:00:00Z -config $(CURDIR)/distribution/config/tapio.yaml \
	-license $(CURDIR)/LICENSE -notices $(CURDIR)/$(PACKAGES)/THIRD_PARTY_NOTICES

.PHONY: image
image: package ## Make an OCI image (among the packages)

# The image that the Helm chart runs.
.PHONY: image-full
image-full: ## Make an OCI image of the full distribution in .build/packages (slow, wants 4 GB of memory)
	@mkdir -p $(PACKAGES)
	go -C internal/tools run ./notices $(CURDIR)/$(PACKAGES)/THIRD_PARTY_NOTICES $(CURDIR)/distribution/full $(CURDIR)/cmd/tapioctl
	printf '\n' | cat - ui/THIRD_PARTY_NOTICES >> $(PACKAGES)/THIRD_PARTY_NOTICES
	@$(foreach arch,$(ARCHITECTURES),$(MAKE) stage-full-$(arch) &&) true
	$(image) -output $(CURDIR)/$(PACKAGES)/tapio-full_$(FULL_VERSION)_oci.tar $(foreach arch,$(ARCHITECTURES),$(arch)=$(CURDIR)/$(PACKAGES)/stage-full/$(arch))
	cd $(PACKAGES) && rm -r THIRD_PARTY_NOTICES stage-full

stage-full-%:
	@mkdir -p $(PACKAGES)/stage-full/$*
	GOARCH=$* go -C distribution/full build -ldflags "$(LDFLAGS) $(versioned)" -o $(CURDIR)/$(PACKAGES)/stage-full/$*/tapio .
	GOARCH=$* go build -ldflags "$(LDFLAGS) -X main.version=$(FULL_VERSION)" -o $(PACKAGES)/stage-full/$*/tapioctl ./cmd/tapioctl

.PHONY: package-test
package-test: ## Install, run, upgrade and remove the packages of this architecture (as root)
	$(MAKE) package ARCHITECTURES=$$(go env GOARCH)
	TAPIO_PACKAGES=$(CURDIR)/$(PACKAGES) go test -count=1 -v ./test/packaging

# The versions whose objects the chart must match: their schemas come from their Go modules.
KUBERNETES := k8s.io/kubernetes@v1.34.4
PROMETHEUS_OPERATOR := github.com/prometheus-operator/prometheus-operator@v0.85.0
KUBE_SCHEMAS := $(CURDIR)/.build/kube-schemas

.PHONY: helm-check
helm-check: $(call stamps,$(HELM_TOOLS)) bin/tapio kube-schemas ## Lint and render the Helm chart, compare with test/helm/testdata and the schemas of Kubernetes; TAPIO_UPDATE_GOLDEN=1 rewrites testdata
	TAPIO_HELM=$(TOOLS)/helm TAPIO_KUBECONFORM=$(TOOLS)/kubeconform TAPIO_KUBE_SCHEMAS=$(KUBE_SCHEMAS) go test -count=1 $(GOTESTFLAGS) ./test/helm

.PHONY: kube-schemas
kube-schemas:
	@module() { go mod download -json $$1 | sed -n 's/^\t"Dir": "\(.*\)",$$/\1/p'; }; \
	go -C internal/tools run ./kubeschemas $(KUBE_SCHEMAS) $$(module $(KUBERNETES))/api/openapi-spec/swagger.json \
	$$(module $(PROMETHEUS_OPERATOR))/example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml

# kube-apiserver and etcd, which the chart is installed into. Large: they take minutes to build, and 1 GB of modules.
.PHONY: bin/kube-apiserver bin/etcd
bin/kube-apiserver:
	go -C internal/kubeapiserver build -ldflags "$(LDFLAGS)" -o $(CURDIR)/$@ k8s.io/kubernetes/cmd/kube-apiserver
bin/etcd:
	go -C internal/kubeapiserver build -ldflags "$(LDFLAGS)" -o $(CURDIR)/$@ go.etcd.io/etcd/server/v3

.PHONY: helm-apiserver
helm-apiserver: $(call stamps,$(HELM_TOOLS)) bin/tapioctl bin/kube-apiserver bin/etcd ## Install the Helm chart into an API server of Kubernetes, without nodes (needs kubectl)
	@module() { go mod download -json $$1 | sed -n 's/^\t"Dir": "\(.*\)",$$/\1/p'; }; \
	TAPIO_HELM=$(TOOLS)/helm TAPIO_KUBE_APISERVER=$(CURDIR)/bin/kube-apiserver TAPIO_ETCD=$(CURDIR)/bin/etcd \
	TAPIO_PODMONITOR_CRD=$$(module $(PROMETHEUS_OPERATOR))/example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml \
	go test -count=1 -v $(GOTESTFLAGS) -run TestTheChartOnAnAPIServer ./test/helm

.PHONY: helm-package
helm-package: $(call stamps,$(HELM_TOOLS)) ## Make a package of the Helm chart in .build/packages
	@mkdir -p $(PACKAGES)
	$(TOOLS)/helm package distribution/helm/tapio --version $(FULL_VERSION) --app-version $(VERSION) --destination $(PACKAGES)

# The platforms that people run kubectl on.
KREW_PLATFORMS := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64
RELEASE_URL := https://github.com/tapio/tapio/releases/download/v$(VERSION)

.PHONY: krew
krew: ## Make the archives of `kubectl tapio` for all platforms in .build/packages, and the manifest that krew installs it with
	@mkdir -p $(PACKAGES)
	for platform in $(KREW_PLATFORMS); do \
	GOOS=$${platform%/*} GOARCH=$${platform#*/} go build -ldflags "$(LDFLAGS) -X main.version=$(FULL_VERSION)" -o .build/krew/$$platform/kubectl-tapio ./cmd/tapioctl; done
	go -C internal/tools run ./krew -version $(FULL_VERSION) -url $(RELEASE_URL) -license $(CURDIR)/LICENSE -output $(CURDIR)/$(PACKAGES) \
	$(foreach platform,$(KREW_PLATFORMS),$(platform)=$(CURDIR)/.build/krew/$(platform)/kubectl-tapio)

##@ Generate

.PHONY: generate
generate: generate-proto generate-bpf generate-components generate-semconv generate-distribution generate-docs ## Regenerate all generated code

.PHONY: generate-proto
generate-proto: $(call stamps,$(PROTO_TOOLS)) protodeps
	$(TOOLS)/buf lint
	$(TOOLS)/buf generate
	go -C internal/tools run ./openapi3 $(CURDIR)/.build/openapi/tapio.swagger.json $(CURDIR)/proto/tapio/v1/tapio.openapi.json

# The imports of our .proto files, printed from the Go modules that internal/tools pins.
.PHONY: protodeps
protodeps:
	@mkdir -p .build/protodeps
	go -C internal/tools run ./protodeps $(CURDIR)/.build/protodeps

.PHONY: generate-components
generate-components: $(TOOLS)/mdatagen
	$(with_tools) go generate $$(go list ./... | grep -v /bpf$$)

# The Go constants and the reference of the names in internal/semconv/registry.
.PHONY: generate-semconv
generate-semconv:
	go -C internal/tools run ./semconv $(CURDIR)/internal/semconv/registry $(CURDIR)/internal/semconv/names.go $(CURDIR)/docs/reference/semantic-conventions.md

.PHONY: package-graph
package-graph: ## Draw the graph of packages, with figures, into docs/architecture.md
	go -C internal/tools run ./packagegraph $(CURDIR) $(CURDIR)/docs/architecture.md cmd/tapioctl extension/tapioextension receiver/ebpfreceiver internal/correlate internal/store

# The references of the configuration, from the doc comments of its structs, of metrics, from each metadata.yaml, and of commands.
.PHONY: generate-docs
generate-docs: ## Regenerate the reference in docs/reference
	go run ./docs/generate
	go run ./cmd/tapioctl docs markdown > docs/reference/cli-tapioctl.md

# Needs clang-14, llvm-14 and libbpf-dev, in these versions: another compiler writes other objects. bpf2go itself is
# pinned by go.mod.
.PHONY: generate-bpf
generate-bpf:
	go generate ./bpf

# What ocb writes to run the collector is replaced, for a reload that fails would end the process (docs/adr/0049-failed-reloads.md).
.PHONY: generate-distribution
generate-distribution: $(call stamps,$(OCB))
	for manifest in builder-config.yaml distribution/full/builder-config.yaml; do \
		GO=$$(command -v go) PATH="$(CURDIR)/internal/tools/ocbgo:$$PATH" $(TOOLS)/builder --config $$manifest --skip-compilation; done
	cp distribution/main_others.go.tmpl distribution/main_others.go
	cp distribution/main_others.go.tmpl distribution/full/main_others.go
	cp distribution/main_windows.go.tmpl distribution/main_windows.go
	cp distribution/main_windows.go.tmpl distribution/full/main_windows.go

# By comparing before and after, it does not mind work that is not committed yet.
.PHONY: generate-check
generate-check: ## Fail if the generated code is not what `make generate` writes
	@rm -rf .build/before && mkdir -p .build/before
	@cp -R --parents $(generated_in) .build/before/
	@$(MAKE) generate
	@stale=; for folder in $(generated_in); do diff -ru .build/before/$$folder $$folder || stale=yes; done; \
	if [ "$$stale" ]; then echo 'Generated code is out of date: run `make generate`, commit what it writes.' >&2; exit 1; fi
generated_in := proto bpf $(wildcard receiver processor exporter connector extension) internal/semconv docs/reference distribution

##@ Web UI

# Node is needed to change the UI only: its build is committed. 20.19 or later.
ui/node_modules: ui/package-lock.json
	cd ui && npm ci --no-fund --no-audit
	@touch $@

.PHONY: ui
ui: ui/node_modules ## Check, test and build the web UI into ui/dist (needs node)
	cd ui && npm run types && npm run check && npm test && npm run build

.PHONY: ui-check
ui-check: ## Fail if ui/dist is not what `make ui` builds, or is too large
	@rm -rf .build/ui && mkdir -p .build && cp -R ui/dist .build/ui && cp ui/THIRD_PARTY_NOTICES .build/
	@$(MAKE) ui
	@diff .build/THIRD_PARTY_NOTICES ui/THIRD_PARTY_NOTICES && diff -r .build/ui ui/dist || { echo 'The web UI is out of date: run `make ui`, commit ui/dist.' >&2; exit 1; }
	@first=$$(cat ui/dist/index.html $$(sed -nE 's|.*(src\|href)="/ui/([^"]+)".*|ui/dist/\2|p' ui/dist/index.html) | gzip -9 | wc -c); all=$$(cat ui/dist/* | wc -c); \
	echo "the web UI loads $$first bytes at first, compressed; all of it is $$all bytes"; \
	if [ $$first -gt 122880 ]; then echo 'The web UI loads more than 120 KiB at first.' >&2; exit 1; fi; \
	if [ $$all -gt 614400 ]; then echo 'The web UI embeds more than 600 KiB.' >&2; exit 1; fi

.PHONY: ui-test
ui-test: build ui/node_modules ## Test the web UI of bin/tapio in Chromium, also with the demo shop (needs node and Chromium)
	cd ui && npm run test:browser

.PHONY: ui-demo
ui-demo: build ui/node_modules ## Break the demo shop in each way, check cause and evidence on the page of each incident, and follow it until it is resolved (20 minutes; FAULTS="cpu-burn" for some)
	cd ui && node tests/demo.mjs $(FAULTS)

.PHONY: bench-ui
bench-ui: build ui/node_modules ## Measure how soon each page of the web UI is interactive, and the longest task while 10,000 rows scroll: ROUNDS
	cd ui && node tests/bench.mjs

.PHONY: screenshots
screenshots: build ui/node_modules ## Take the pictures in docs/images of the demo shop (5 minutes)
	cd ui && IMAGES=$(CURDIR)/docs/images node tests/demo.mjs payment-db-slow

##@ Documentation

# Fails on links between pages that lead nowhere. Node is needed for this only, 20 or later.
.PHONY: docs-site
docs-site: site/node_modules ## Build the static site of docs/ into .build/docs-site and check its links (needs node)
	cd site && npm run build

site/node_modules: site/package-lock.json
	cd site && npm ci --no-fund --no-audit
	@touch $@

##@ Housekeeping

.PHONY: tools
tools: $(call stamps,$(PROTO_TOOLS) $(OCB) $(LINT_TOOLS) $(PACKAGE_TOOLS) $(HELM_TOOLS)) $(TOOLS)/mdatagen ## Install the pinned tools into .tools/

$(TOOLS)/.%:
	GOBIN=$(TOOLS) go install $(filter %/$*,$(PROTO_TOOLS) $(OCB) $(LINT_TOOLS) $(PACKAGE_TOOLS) $(HELM_TOOLS))
	@touch $@

# From a go.mod, for `go install` with a version asks for the latest one too, which not every mirror has.
$(TOOLS)/mdatagen: internal/tools/go.mod
	GOBIN=$(TOOLS) go -C internal/tools install go.opentelemetry.io/collector/cmd/mdatagen
	@touch $@

.PHONY: clean
clean: ## Remove what was built: bin/, .build/ and the tools
	rm -rf bin .build .tools

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
