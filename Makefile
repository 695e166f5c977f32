# A thin front of Meson. `make` builds build/millrace in release mode; `make help` lists the rest.
#   JOBS=N       compile with N processes (default: one per core)
#   SETUP=...    more arguments for `meson setup`, such as SETUP=-Dcpu=native
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
SETUP ?=

.PHONY: all debug asan-build tsan-build test test-unit asan tsan lint format demo demo-cassandra bench callgrind callgrind-update fuzz random-queries flink-oracle clean help

all:
	@scripts/install-deps build
	@scripts/build build -j $(JOBS) -- $(SETUP)

debug:
	@scripts/install-deps build
	@scripts/build build-debug -j $(JOBS) -- --buildtype=debug $(SETUP)

asan-build:
	@scripts/install-deps build
	@scripts/build build-asan -j $(JOBS) -- --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false $(SETUP)

tsan-build:
	@scripts/install-deps build
	@scripts/build build-tsan -j $(JOBS) -- --buildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false $(SETUP)

test: all asan-build tsan-build
	@scripts/install-deps servers callgrind
	@scripts/run-tests build:all build-asan:short build-tsan:short

test-unit: all
	@scripts/run-tests build:unit

asan: asan-build
	@scripts/install-deps servers
	@scripts/run-tests build-asan:all

tsan: tsan-build
	@scripts/install-deps servers
	@scripts/run-tests build-tsan:all

lint: all
	@scripts/install-deps dev
	@scripts/lint

format:
	@scripts/install-deps dev
	@scripts/format

demo: all
	@examples/clickstream/run.sh

demo-cassandra: all
	@scripts/install-deps servers
	@examples/clickstream/run-cassandra.sh

bench: all
	@scripts/install-deps servers
	@bench/run-all

callgrind callgrind-update: all
	@scripts/install-deps callgrind
	@bench/callgrind/run.py $(if $(filter %-update,$@),--update) build/bench/callgrind/callgrind_cases

fuzz:
	@scripts/install-deps build dev
	@CC=clang CXX=clang++ scripts/build build-fuzz -j $(JOBS) -- --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzzers=true $(SETUP)
	@scripts/run-fuzzers build-fuzz

random-queries: all
	@scripts/python-env python3 tests/random/run --streams --spill --details \
	  --queries $(or $(RANDOM_QUERIES),10000) $(if $(RANDOM_SEED),--seed $(RANDOM_SEED))

flink-oracle:
	@scripts/install-deps servers
	@tests/flink/flink_oracle.py

clean:
	rm -rf build build-debug build-asan build-tsan build-fuzz

help:
	@echo 'make                 build/millrace, release mode (installs what is missing with apt)'
	@echo 'make debug           build-debug/millrace, with assertions, unoptimised'
	@echo 'make test            every test: unit, SQL, stream, servers, and a short round with the sanitizers'
	@echo 'make test-unit       the unit tests alone'
	@echo 'make asan | tsan     every test under the address and undefined-behaviour, or the thread sanitizer'
	@echo 'make lint | format   check includes, headers, test lists and formatting | format the sources'
	@echo 'make demo            the clickstream example on the embedded store'
	@echo 'make demo-cassandra  the same SQL against a real Cassandra and a real Kafka on loopback'
	@echo 'make bench           side-by-side benchmarks (bench/README.md)'
	@echo 'make callgrind       instructions of the main kernels beside the baseline; callgrind-update rewrites it'
	@echo 'make fuzz            the fuzzers, FUZZ_SECONDS (default 600) each'
	@echo 'make random-queries  RANDOM_QUERIES (default 10000) random queries beside DuckDB (tests/random/README.md)'
	@echo 'make flink-oracle    the expected results of tests/sql beside a real Flink, which it downloads (tests/flink/README.md)'
	@echo 'make clean           remove all build folders'
