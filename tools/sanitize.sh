#!/bin/bash
# usage: sanitize.sh address|undefined|leak [pytest arguments]
#
# Run the suite, or what the arguments say, with a sanitizer of GCC's on both engines (ENGINES="c cffi").
#
# address    every access of our C, and of what it calls in libc, is checked.
# undefined  what C leaves undefined ends the process: overflows, shifts, alignment, null pointers.
# leak       at the end, memory that nobody can reach and that libssl, libcrypto or our C has allocated (lsan.py).
#
# Everything happens in .peers, in a copy of the sources.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
python=${PYTHON_FOR_TESTS:-$PWD/.venv/bin/python}
kind=$1
shift
copy=.peers/src-$kind
rm -rf "$copy"
mkdir -p "$copy"
git ls-files -z | xargs -0 cp --parents -t "$copy"
cd "$copy"

# Other programs run without it: curl never ends with it.
mkdir bin
for program in curl gnutls-cli gnutls-serv; do
    if path=$(command -v $program); then
        printf '#!/bin/sh\nunset LD_PRELOAD\nexec %s "$@"\n' "$path" >bin/$program
        chmod +x bin/$program
    fi
done
export PATH=$PWD/bin:$PATH

flags="-fno-omit-frame-pointer -g -O1" preload=
# What a sanitizer cannot stand, and why.
left_out=(
    # It searches memory for what was freed, which AddressSanitizer keeps.
    --deselect=tests/sessions/test_ticket_keys.py::test_retired_key_is_not_in_memory
    # greenlet copies stacks away and back, which AddressSanitizer takes for wild reads.
    --ignore=tests/interop/test_gevent.py
)
case $kind in
address)
    flags+=" -fsanitize=address"
    # Freed memory is kept away for a while, to find late uses; but not so much that memory seems to leak.
    export ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=4
    preload=$(${CC:-cc} -print-file-name=libasan.so)
    ;;
undefined)
    flags+=" -fsanitize=undefined -fno-sanitize-recover=all"
    export LDFLAGS=-fsanitize=undefined UBSAN_OPTIONS=print_stacktrace=1
    left_out=()
    ;;
leak)
    flags+=" -fsanitize=address"
    export PYTHONMALLOC=malloc LSAN_OPTIONS=exitcode=0:log_path=$PWD/leaks:max_leaks=0
    export ASAN_OPTIONS=detect_leaks=1:quarantine_size_mb=4:malloc_context_size=12
    preload=$(${CC:-cc} -print-file-name=libasan.so)
    # Python's own ssl, of 3.11 at least, leaks each session that is asked for; the stack of that ends in libcrypto.
    left_out+=(--deselect=tests/sessions/test_resumption.py::test_pythons_ssl_at_our_servers)
    [ $# -gt 0 ] || set -- tests/bugs tests/pyopenssl tests/contexts tests/sessions
    ;;
*)
    sed -n 2p "$0" >&2
    exit 2
    ;;
esac
CFLAGS="$flags" "$python" setup.py -q build_ext --inplace
status=0
for engine in ${ENGINES:-c cffi}; do
    env -u SSL_CERT_FILE -u SSL_CERT_DIR LD_PRELOAD="$preload" OPENSSL_BIO_ENGINE=$engine PYTHONPATH=src \
        "$python" -m pytest "${left_out[@]}" "$@" || status=1
done
if [ $kind = leak ]; then
    "$python" tools/lsan.py leaks.* || status=1
fi
exit $status
