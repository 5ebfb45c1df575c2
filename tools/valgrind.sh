#!/bin/bash
# usage: valgrind.sh [pytest arguments]
#
# Run a representative set of tests of both faces, or what the arguments say, on both engines (ENGINES="c cffi") under
# valgrind's memcheck, which also sees what libssl and libcrypto do with memory.  The Python is the system's, which is
# clean under it; others are not.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
python=${VALGRIND_PYTHON:-.peers/venv-valgrind/bin/python}
if [ ! -x "$python" ]; then
    /usr/bin/python3 -m venv .peers/venv-valgrind
    .peers/venv-valgrind/bin/pip install -q --disable-pip-version-check -e '.[test]'
fi
[ $# -gt 0 ] || set -- tests/core/test_one_call.py tests/bugs/test_memory.py tests/sessions/test_values.py \
    tests/pyopenssl/test_behaviours_established.py tests/pyopenssl/test_datagrams.py tests/stdlib/test_foreign_bios.py \
    -k "not threads and not while_it_is_called and not another_process"
status=0
for engine in ${ENGINES:-c cffi}; do
    # Python's allocator hands out memory that valgrind would take for used.
    env -u SSL_CERT_FILE -u SSL_CERT_DIR OPENSSL_BIO_ENGINE="$engine" PYTHONMALLOC=malloc PYTHONPATH=src \
        valgrind --quiet --error-exitcode=9 --suppressions=tools/valgrind.supp "$python" -m pytest -q \
        -p no:cacheprovider -o timeout=0 "$@" || status=1
done
exit $status
