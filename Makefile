# plodwatch: `make` lists what it can do.
SHELL := /bin/bash
GO ?= go
DATA ?= demo-data
TOOLS := $(GO) tool -modfile=.tools/go.mod
FUZZTIME ?= 60s
export GOFLAGS ?=

.DEFAULT_GOAL := help

## help: list the targets
help:
	@echo "plodwatch: watch files in, answers about training intensity out."; echo
	@sed -n 's/^## //p' $(MAKEFILE_LIST) | awk -F': ' '{printf "  make %-11s %s\n", $$1, $$2}'

## build: the binary, bin/plodwatch
build:
	@mkdir -p bin
	$(GO) build -ldflags "-X main.version=$$(git describe --tags --always --dirty 2>/dev/null || echo dev)" -o bin/plodwatch ./cmd/plodwatch

## man: the manual page, bin/plodwatch.1
man: build
	@bin/plodwatch man > bin/plodwatch.1 && echo "man -l bin/plodwatch.1"

## libchdb: install the embedded ClickHouse engine into the user's cache (once for all checkouts)
libchdb: build
	@bin/plodwatch engine install

## demo: import the real files of the required modules into demo-data and show what they say
demo: build libchdb
	@$(GO) mod download github.com/tormoder/fit github.com/tkrajina/gpxgo
	@bin/plodwatch import --data $(DATA) \
		"$$($(GO) list -m -f '{{.Dir}}' github.com/tormoder/fit)/testdata" \
		"$$($(GO) list -m -f '{{.Dir}}' github.com/tkrajina/gpxgo)/test_files" \
		$$(test -d ../shared/samples && echo ../shared/samples) || test $$? -eq 2
	@bin/plodwatch sessions --data $(DATA) --limit 25

## demo-season: invent two years of one athlete and show how they went; data in demo-season
demo-season: build libchdb
	@GO="$(GO)" bash .tools/demo-season.sh

## test: every test, with the real engines
test: libchdb browser
	@GO="$(GO)" bash .tools/test.sh

## race: every test under the race detector
race: libchdb browser
	$(GO) test -race -timeout 40m ./... ./testdata/gen/...

## chaos: kill every role at random under load, disturb networks, cut the power, and count; SEED=1 KILLS=230 NATS=1 (or 3) CUTS=5
chaos: libchdb
	@PLODWATCH_CHAOS_SEED=$(or $(SEED),1) PLODWATCH_CHAOS_KILLS=$(or $(KILLS),230) PLODWATCH_CHAOS_NATS=$(or $(NATS),1) \
		PLODWATCH_CHAOS_CUTS=$(or $(CUTS),5) $(GO) test ./cmd/plodwatch -run '^(TestChaos|TestEndToEndPowerCut)$$' -v -count 1 -timeout 30m

## lint: golangci-lint, pinned in .tools/go.mod, and known faults by the pinned list
lint:
	$(TOOLS) golangci-lint run ./...
	@GO="$(GO)" bash .tools/vuln.sh --pinned --if-possible

## vuln: known faults in what we are built from, by govulncheck; without vuln.go.dev by the list pinned in .tools/vulndb
vuln:
	@GO="$(GO)" bash .tools/vuln.sh

## clickhouse-client: install the client for Node that a test of the SQL endpoint uses into the user's cache
clickhouse-client:
	@bash .tools/npm.sh clickhouse-client

## browser: install Debian's Chromium for the test of the page, where it is missing; without it the test is skipped
browser:
	@bash .tools/browser.sh

## browser-tools: install axe-core, with which that test checks pages, into the user's cache
browser-tools:
	@bash .tools/npm.sh browser-tools

## screenshots: pictures of every page, light, dark and on a phone, in bin/screenshots
screenshots: libchdb browser
	@rm -rf bin/screenshots && mkdir -p bin/screenshots
	PLODWATCH_SCREENSHOTS=$(CURDIR)/bin/screenshots $(GO) test ./cmd/plodwatch -run '^TestEndToEndBrowser$$' -count 1
	@ls bin/screenshots

## bench: benchmarks, each beside its limit, as ratios
bench: libchdb
	@bash .tools/bench.sh

## fuzz: every fuzz target for FUZZTIME (default 60s)
fuzz:
	@bash .tools/fuzz.sh $(FUZZTIME)

## golden: rewrite the golden files of the tests after an intended change
golden: libchdb
	$(GO) test $$(grep -rl '"update"' --include=*_test.go . | xargs -n1 dirname | sort -u) -update

## generate: protobuf code (needs protoc) and the generated activities in testdata
generate:
	$(GO) generate ./...
	$(GO) run ./testdata/gen activities --out testdata/activities

## clean: binaries and demo data
clean:
	rm -rf bin $(DATA) demo-season

.PHONY: help build man libchdb demo demo-season test race chaos lint clickhouse-client browser browser-tools screenshots bench fuzz golden generate clean
