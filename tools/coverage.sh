#!/bin/bash
# usage: coverage.sh [pytest arguments]
#
# Which lines the tests run, of Python (coverage.py) and of our C (gcov): both engines together, 95 % of each at least,
# or it fails.  The suite, or what the arguments say, and what `make faults` does in our C.  Everything happens in .peers,
# in a copy.  Half as slow on Python 3.12 and newer, which tell coverage.py of lines without being asked each time.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
python=${PYTHON_FOR_TESTS:-$PWD/.venv/bin/python}
copy=.peers/src-coverage
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z | xargs -0 cp --parents -t "$copy"
cd "$copy"
# shim.h lets calls fail when it is told to, which the suite does not.
CFLAGS="--coverage -O0 -Wno-deprecated-declarations -include tests/core/shim.h" LDFLAGS=--coverage \
    "$python" setup.py -q build_ext --inplace
COVERAGE_SOURCE=$PWD/src/openssl_bio
COVERAGE_CORE=$("$python" -c 'import sys; print("sysmon" if sys.version_info >= (3, 12) else "ctrace")')
export COVERAGE_SOURCE COVERAGE_CORE COVERAGE_RCFILE=$PWD/tools/coverage.ini
left_out=(
    # It counts what libcrypto allocates, and coverage.py has loaded libcrypto before.
    --deselect=tests/bugs/test_interface.py::test_D23_no_allocation_of_the_library_stays
)
failed=0
for engine in c cffi; do
    echo "== the suite, engine $engine (after $SECONDS s)"
    env -u SSL_CERT_FILE -u SSL_CERT_DIR OPENSSL_BIO_ENGINE=$engine PYTHONPATH=src \
        "$python" -m coverage run -m pytest -q "${left_out[@]}" "$@" || failed=1
    echo "== failures in our C, engine $engine (after $SECONDS s)"
    env -u SSL_CERT_FILE -u SSL_CERT_DIR OPENSSL_BIO_ENGINE=$engine PYTHONPATH=src \
        "$python" -m pytest -q tests/core/native_faults.py || failed=1
done
echo "== lines of Python (after $SECONDS s)"
"$python" -m coverage combine -q
"$python" -m coverage report || failed=1
# openssl_bio._openssl.c is written by cffi.
echo "== lines of C"
"$python" -m gcovr --root . --filter src/openssl_bio/_native/ --gcov-ignore-parse-errors=all \
    --txt --print-summary --fail-under-line 95 || failed=1
exit $failed
