# Bare `make` prints this help. The two commands a newcomer needs are
# `make run` and `make test`; both install what the machine lacks.

GO       ?= go
ARGS     ?=
CORPUS   ?= ../shared/conformance
FUZZTIME ?= 10s
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X squall/internal/app.Version=$(VERSION)

# One static binary: nothing of ours needs a C compiler, but the race detector does.
export CGO_ENABLED = 0
export GO

.DEFAULT_GOAL := help
.PHONY: help setup build run test race test-long mistral crash backup-long lint vuln fuzz bench conformance docs clean

help: ## print this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what building and testing need, saying what
	@scripts/setup

build: ## build bin/squall
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/squall ./cmd/squall

run: ## build, and watch it back up a small computing centre (ARGS=--bare: only the server)
	@scripts/run $(ARGS)

test: ## run all tests, PostgreSQL included (under 15 minutes on two cores)
	@scripts/setup test
	$(GO) vet ./...
	CI=$(CI) SQUALL_TEST_POSTGRES=require $(GO) test -timeout 15m ./...

race: ## run the tests under the race detector
	@scripts/setup test
	CGO_ENABLED=1 SQUALL_TEST_POSTGRES=require $(GO) test -race -short -timeout 30m ./...

test-long: test race crash mistral backup-long ## everything, the long proofs included
	$(MAKE) fuzz FUZZTIME=60s

mistral: ## converted workflows against the real Mistral engine (installs python3-mistral)
	@scripts/setup mistral
	SQUALL_TEST_MISTRAL=require $(GO) test -count=1 -v -timeout 30m -run Oracle ./internal/workflow/mistral

crash: ## the long crash test: random kills under load, on every kind of database
	@scripts/setup test
	SQUALL_CRASH_LONG=1 SQUALL_TEST_POSTGRES=require $(GO) test -count=1 -v -timeout 60m ./internal/crashtest ./internal/rollout

backup-long: ## the long tests of the pack backup: drills that boot machines (installs QEMU)
	@scripts/setup test
	@scripts/setup boot
	SQUALL_BACKUP_LONG=1 $(GO) test -count=1 -v -timeout 60m ./internal/backuptest

lint: ## static checks with the pinned golangci-lint
	$(GO) tool -modfile=tools/go.mod golangci-lint run ./...

vuln: ## look for known vulnerabilities in what we import
	$(GO) tool -modfile=tools/go.mod govulncheck ./...

fuzz: ## run every fuzz target for FUZZTIME (default 10s)
	@scripts/fuzz $(FUZZTIME)

bench: build ## ratios of our speeds to the machine's limits, measured side by side
	@scripts/setup test
	@$(GO) run ./internal/benchmark $(ARGS)

conformance: ## compare with the recorded originals (CORPUS=dir)
	@$(GO) run ./internal/conformance/cmd/conformance -corpus $(CORPUS) $(ARGS)

docs: ## write the generated pages below docs/reference
	@$(GO) run ./internal/docs

clean: ## remove what was built
	rm -rf bin dist
