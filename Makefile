# Everything happens in .venv, which each target makes as far as it needs it.  PYTHON=python3.13 picks another Python
# for a new one.

PYTHON ?= python3
PIP := .venv/bin/pip install -q --disable-pip-version-check
BUILD_INPUTS := src/_build_openssl.py pyproject.toml setup.py \
	$(wildcard src/openssl_bio/_cdef/* src/openssl_bio/_cdef/optional/* src/openssl_bio/_native/*)
# The tests decide which certificates are trusted, not the caller's environment.
PYTEST := env -u SSL_CERT_FILE -u SSL_CERT_DIR .venv/bin/python -m pytest

SOURCES := src tests tools fuzz benchmarks examples docs setup.py

export PYTHON

.PHONY: demo test wheel docs leaks soak faults hammer bench lint format stub openssl-3.5 openssl-3.6 openssl-4.0 matrix conformance-pyopenssl conformance-stdlib clean bench-instructions

demo: .venv/built
	.venv/bin/python -m openssl_bio demo

test: .venv/test
	OPENSSL_BIO_ENGINE=cffi $(PYTEST) $(ARGS)
	OPENSSL_BIO_ENGINE=c $(PYTEST) $(ARGS)

# With the cyclic collector off: each call that fails, from Python and in our C, again and again, with all memory counted;
# then HANDSHAKES of each kind, with libcrypto's allocations counted.  An hour on one engine (ENGINES="c cffi");
# .peers/leaks.jsonl has figures.
HANDSHAKES ?= 100000
ENGINES ?= c cffi
COUNTED := PYTHONMALLOC=malloc GLIBC_TUNABLES=glibc.malloc.tcache_count=0:glibc.malloc.arena_max=1
leaks: .venv/test
	$(COUNTED) TESTS=tests/core/native_fault_leaks.py ENGINES="$(ENGINES)" tools/native_faults.sh
	for engine in $(ENGINES); do \
	    OPENSSL_BIO_ENGINE=$$engine $(COUNTED) $(PYTEST) tests/core/fault_leaks.py || exit 1; \
	    OPENSSL_BIO_ENGINE=$$engine HANDSHAKES=$(HANDSHAKES) $(PYTEST) tests/core/handshake_leaks.py || exit 1; \
	done

# Ten thousand connections at once, with all kinds of traffic and of ends: ten minutes, and some GiB.
soak: .venv/test
	.venv/bin/python -m tests.core.soak $(ARGS)

# Every call that can fail is made to fail, on both engines: from Python at each place, with a second try, and in our C.
# About two minutes.
faults: .venv/test
	FAULTS=all OPENSSL_BIO_ENGINE=cffi $(PYTEST) -q tests/core/test_faults.py
	FAULTS=all OPENSSL_BIO_ENGINE=c $(PYTEST) -q tests/core/test_faults.py
	tools/native_faults.sh

# Sixteen threads on one context, and on one connection: about four minutes.
hammer: .venv/test
	HAMMER_SECONDS=60 $(PYTEST) tests/core/test_threads.py

# The suite, or ARGS, on both engines (ENGINES="c cffi") with a sanitizer: some ten minutes each. Leaks are those of
# libssl, libcrypto and our C.
.PHONY: asan ubsan lsan
asan: .venv/test
	tools/sanitize.sh address $(ARGS)
ubsan: .venv/test
	tools/sanitize.sh undefined $(ARGS)
lsan: .venv/test
	tools/sanitize.sh leak $(ARGS)

# The suite, or ARGS, without the GIL: on FREE_THREADED=python3.14t, or on a Python that is built for it.
.PHONY: free-threaded
free-threaded:
	tools/setup.sh build
	tools/free_threaded.sh $(ARGS)

# The C engine without Python, driven by threads in C, with ThreadSanitizer: seconds.
.PHONY: tsan
tsan:
	tools/setup.sh build
	tools/tsan.sh

# A representative set of tests, or ARGS, under valgrind with the system's Python: some minutes.
.PHONY: valgrind
valgrind: .venv/test
	tools/setup.sh valgrind
	tools/valgrind.sh $(ARGS)

# Which lines of Python and of C the tests run.
.PHONY: coverage
coverage: .venv/test
	$(PIP) coverage gcovr
	tools/coverage.sh $(ARGS)

# Records into connections in each state of a handshake, and bytes into each loader: SECONDS for each of the two.
SECONDS ?= 60
.PHONY: fuzz
fuzz: .venv/test
	$(PIP) atheris
	.venv/bin/python -m fuzz.run stream $(SECONDS)
	.venv/bin/python -m fuzz.run loader $(SECONDS)

# Operations and ciphertext into the C engine without Python, with libFuzzer: it is guided by what runs of our C and, with
# INSTRUMENTED=1, of an OpenSSL that is built for it, which takes some minutes once. Needs clang.
.PHONY: fuzz-native
fuzz-native:
	tools/setup.sh build
	tools/setup.sh fuzz
	tools/fuzz_native.sh $(SECONDS) $(ARGS)

# Against Python's ssl, against pyOpenSSL if it is in .venv, and against C; what one more context
# costs, what importing takes, how cost grows, and asyncio end to end, with uvloop if that is in .venv.
bench: .venv/built
	.venv/bin/python -m benchmarks $(ARGS)
	.venv/bin/python -m benchmarks.contexts
	.venv/bin/python -m benchmarks.imports
	.venv/bin/python -m benchmarks.growth
	.venv/bin/python -m benchmarks.end_to_end
	.venv/bin/python -m benchmarks.threads

# Handshakes full and resumed, by one process and three, and what Redis adds. Needs redis-server.
.PHONY: bench-fleet
bench-fleet: .venv/test
	.venv/bin/python -m benchmarks.fleet

# Instructions an operation, counted by valgrind: over 3 % more than in benchmarks/baseline.json fails, and
# ARGS=--update writes that. Two minutes; six to update.
bench-instructions: .venv/built
	tools/setup.sh valgrind
	.venv/bin/python -m benchmarks.instructions $(ARGS)

lint: .venv/dev
	.venv/bin/ruff check $(SOURCES)
	.venv/bin/ruff format --check $(SOURCES)
	.venv/bin/mypy

format: .venv/dev
	.venv/bin/ruff check --fix $(SOURCES)
	.venv/bin/ruff format $(SOURCES)

# The types of ffi and lib for mypy, from the declarations.
stub: .venv/built
	.venv/bin/python tools/make_stub.py

# Warnings are errors; the pages are in .peers/docs.
docs: .venv/built
	$(PIP) -e '.[docs]'
	.venv/bin/python -m sphinx -q -W --keep-going docs .peers/docs

# The sdist and this machine's wheel, in dist/; both checked, and the tests run against the wheel on several Pythons.
wheel:
	tools/setup.sh build
	tools/setup.sh wheel
	tools/wheel/make.sh $(ARGS)

# That wheel on Python 3.14 and 3.15 of Debian sid, in a chroot. Needs Debian's root.
.PHONY: wheel-sid
wheel-sid:
	tools/wheel/sid.sh $(ARGS)

# The wheel for musl, in a chroot without glibc, and the one for aarch64, by QEMU. Each needs Debian's root, and builds
# OpenSSL; the first builds Python, too: 15 minutes. The tests, or ARGS: 5 minutes for musl, an hour by QEMU.
.PHONY: wheel-musl wheel-arm64
wheel-musl:
	tools/setup.sh build
	tools/setup.sh wheel
	tools/wheel/musl.sh $(ARGS)
wheel-arm64:
	tools/setup.sh wheel
	tools/wheel/arm64.sh $(ARGS)

openssl-3.5: .venv/test
	tools/openssl/suite.sh trixie ob35 3.5 $(ARGS)

openssl-3.6: .venv/test
	tools/openssl/suite.sh sid ob36 3.6 $(ARGS)

openssl-4.0: .venv/test
	tools/openssl/suite.sh experimental ob40 4.0 $(ARGS)

# The system's OpenSSL and those that Debian has; what cannot be had today is named.
matrix: test openssl-3.5 openssl-3.6 openssl-4.0

# pyOpenSSL's own tests, with this package in its place, on both engines.
conformance-pyopenssl: .venv/built
	OPENSSL_BIO_ENGINE=cffi tools/conformance/pyopenssl.sh $(ARGS)
	OPENSSL_BIO_ENGINE=c tools/conformance/pyopenssl.sh $(ARGS)

# Python's own tests of ssl and asyncio with our face in ssl's place, on both engines: about two minutes.
conformance-stdlib: .venv/test
	OPENSSL_BIO_ENGINE=cffi tools/conformance/stdlib.sh $(ARGS)
	OPENSSL_BIO_ENGINE=c tools/conformance/stdlib.sh $(ARGS)

clean:
	rm -rf .venv .peers build dist src/*.egg-info src/openssl_bio/_openssl*.so

.venv/bin/python:
	tools/setup.sh build
	$(PYTHON) -m venv .venv

.venv/built: .venv/bin/python $(BUILD_INPUTS)
	tools/setup.sh build
	$(PIP) -e .
	touch $@

.venv/test: .venv/built
	tools/setup.sh test
	$(PIP) -e '.[test]' 'setuptools>=77'  # for those who build the extension in another way
	touch $@

.venv/dev: .venv/built
	$(PIP) -e '.[dev]'
	touch $@
