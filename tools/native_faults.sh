#!/bin/bash
# Run tests/core/native_faults.py, or TESTS, on both engines (ENGINES="cffi c"), with a build of its own that has
# tests/core/shim.h in it.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
python=${FAULTS_PYTHON:-.venv/bin/python}
root=build/faults
mkdir -p $root
cp -r src tests tools pyproject.toml setup.py LICENSE README.md $root
rm -f $root/src/openssl_bio/_openssl*.so
cd $root
python=$(cd ../.. && readlink -f "$(dirname "$python")")/$(basename "$python")
CFLAGS="-O1 -Wno-deprecated-declarations -include tests/core/shim.h" "$python" setup.py -q build_ext --inplace --force
for engine in ${ENGINES:-cffi c}; do
    env -u SSL_CERT_FILE -u SSL_CERT_DIR OPENSSL_BIO_ENGINE=$engine PYTHONPATH=src \
        "$python" -m pytest -q "${TESTS:-tests/core/native_faults.py}" "$@"
done
