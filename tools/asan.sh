#!/bin/bash
# usage: asan.sh [pytest arguments]
#
# Run the suite, or what the arguments say, with AddressSanitizer on both engines: every access of our C and of what it
# calls in libc is checked.  Leaks are not looked for, since the interpreter has some; tests/core/test_leaks.py does
# that.  Everything happens in .peers, in a copy of the sources.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
python=${PYTHON_FOR_TESTS:-$PWD/.venv/bin/python}
copy=.peers/src-asan
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z | xargs -0 cp --parents -t "$copy"
cd "$copy"
CFLAGS="-fsanitize=address -fno-omit-frame-pointer -g -O1" "$python" setup.py -q build_ext --inplace
# Freed memory is kept away for a while, to find late uses; but not so much that memory seems to leak.
export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=4
preload=$(${CC:-cc} -print-file-name=libasan.so)
for engine in c cffi; do
    env -u SSL_CERT_FILE -u SSL_CERT_DIR LD_PRELOAD="$preload" OPENSSL_BIO_ENGINE=$engine PYTHONPATH=src \
        "$python" -m pytest "$@"
done
