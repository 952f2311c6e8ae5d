# Housecall: `make run` shows a visit on this machine, `make test` proves it. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO ?= go
DATA ?= housecall-data
FUZZTIME ?= 1m
# Browsers, and nodes that are hurt: what they measure would suffer from company.
BROWSERS := ./e2e ./e2e/faults
TOOL := $(GO) tool -modfile=tools/go.mod
# The race detector, but for SQLite and what it stands on: C turned into Go, which has locks of its own and is four times as slow when watched.
RACE := -race $(patsubst %,-gcflags=%=-race=false,modernc.org/sqlite/lib modernc.org/libc)

# What is not watched for races is compiled as `make build` does, and so compiled once: on a fresh machine compiling is half of the work.
lint deadlock: export CGO_ENABLED = 0
lint deadlock: export GOFLAGS += -trimpath

.PHONY: help build run test test-go test-js packages deadlock lint sbom tour bench faults fuzz deps

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

build: ## the one binary: ./housecall
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o housecall ./cmd/housecall

run: build ## a demo visit on this machine: prints one link for the clinician, one for the patient
	./housecall serve --demo --data $(DATA)

deps: ## install what lint and tests need (Debian packages, npm)
	@scripts/test-deps
	@cd static && npm ci --silent --no-audit --no-fund

test: test-js test-go ## every test: browsers, Redis, media and all; nothing is skipped

test-js: deps
	cd static && npm test

# A test that starts a server spends a third of its processor time on collecting garbage of the start; GOGC=400 leaves most of that for the end.
# What tests write lies in memory where that is possible; the programs that are made of them are gigabytes, and don't.
# The browsers come last, two tests at a time at most: they need the machine for themselves. What comes before waits more than it works, so it runs beside each other.
test-go: export TMPDIR = $(shell scripts/test-tmp)
test-go: export GOTMPDIR = /tmp
test-go: deps
	@$(MAKE) --no-print-directory -j2 -Otarget packages deadlock
	GOGC=400 $(GO) test $(RACE) -timeout 60m -p 1 -parallel 2 $(BROWSERS)

packages: ## the tests of all packages but those that need the machine for themselves
	GOGC=400 $(GO) test $(RACE) -timeout 30m -p 4 $$($(GO) list ./... | grep -vFxf <($(GO) list $(BROWSERS)))

tour: deps ## every state of every page in English, Spanish and Arabic: axe, 320 pixels; with SHOTS=DIR a picture of each
	HOUSECALL_TOUR=en,es,ar HOUSECALL_SHOTS=$(abspath $(SHOTS)) $(GO) test -count=1 -timeout 60m -run '^Test([A-Z][a-z]*States|States|Queue|FilesOfASummary)$$' ./e2e

deadlock: ## rooms, signaling and sfu with a detector in the place of every mutex
	scripts/deadlock-test

lint: deps ## gofmt, vet, staticcheck, the law of imports, dead code, tsc, gosec, known vulnerabilities, licences
	@fmt=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$fmt" ] || { echo "gofmt would change:"; echo "$$fmt"; exit 1; }
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) depguard ./...
	@dead=$$($(TOOL) deadcode -test ./...); [ -z "$$dead" ] || { echo "unreachable code:"; echo "$$dead"; exit 1; }
	cd static && npm run --silent lint
	cd tools && $(GO) vet ./...
	$(TOOL) gosec -quiet -exclude=G104,G115,G124,G304 -exclude-dir=e2e -exclude-dir=static/node_modules ./...
	@scripts/vulncheck
	@scripts/sbom /dev/null

sbom: build ## what the binary is made of, with licences: housecall.cdx.json (CycloneDX)
	@scripts/sbom housecall.cdx.json

bench: ## the figures of docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem ./sfu ./loadtest ./platform/store
	HOUSECALL_BENCH=1 $(GO) test -p 1 -run '^$$' -bench 'Schedule|Search|Queue|Year' -timeout 30m ./platform/people ./visits/desk ./visits/queue ./visits/figures

faults: deps ## hurts running nodes, Redis and PostgreSQL, and prints what was promised and what was measured; 1,000 notes under kill -9, on both engines (three minutes)
	$(GO) test -count=1 -timeout 60m ./e2e/faults -v -args -full
	$(GO) test -count=1 -run TestNotesSurviveKills ./cmd/housecall/server -v -args -full

fuzz: ## every fuzz target for FUZZTIME (default 1m each)
	@for package in $$($(GO) list ./...); do \
	  for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz' || true); do \
	    echo "$$package $$target"; $(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 2s $$package; \
	  done; done
