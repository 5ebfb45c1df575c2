#!/bin/bash
# usage: coverage.sh [pytest arguments]
#
# Say which lines the tests run, of Python (coverage.py) and of C (gcov): both engines together, 95 % of each at least.
# What the calls of our C that fail would run is in `make faults`.  Everything happens in .peers, in a copy.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
python=$PWD/.venv/bin/python copy=.peers/src-coverage
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z | xargs -0 cp --parents -t "$copy"
cd "$copy"
CFLAGS="--coverage -O0" LDFLAGS=--coverage "$python" setup.py -q build_ext --inplace
# The tests start other processes: each of them counts too.
cat >coverage.cfg <<END
[run]
branch = false
parallel = true
source = openssl_bio
data_file = $PWD/.coverage
patch = subprocess
END
export COVERAGE_PROCESS_START=$PWD/coverage.cfg COVERAGE_RCFILE=$PWD/coverage.cfg
for engine in c cffi; do
    env -u SSL_CERT_FILE -u SSL_CERT_DIR OPENSSL_BIO_ENGINE=$engine PYTHONPATH=src \
        "$python" -m coverage run -m pytest -q "$@"
done
"$python" -m coverage combine -q
"$python" -m coverage report --skip-covered --fail-under=95
# openssl_bio._openssl.c is written by cffi.
"$python" -m gcovr --root . --filter src/openssl_bio/_native/ --gcov-ignore-parse-errors \
    --print-summary --fail-under-line 95
