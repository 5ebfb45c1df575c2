#!/bin/bash
# Drive the C engine from threads of C with ThreadSanitizer (engine_threads.c).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
native=src/openssl_bio/_native
prefix=${OPENSSL_BIO_PREFIX:+-I$OPENSSL_BIO_PREFIX/include -L$OPENSSL_BIO_PREFIX/lib -Wl,-rpath,$OPENSSL_BIO_PREFIX/lib}
mkdir -p .peers
sources=$(printf "$native/%s.c " engine_core boxes buffers warm operations datagrams)
# shellcheck disable=SC2086 # both are lists of words
${CC:-cc} -fsanitize=thread -g -O1 -Wall -Wextra -pthread -DOBIO_WARM=3 -I$native ${prefix:-} tools/engine_threads.c $sources \
    -o .peers/engine_threads -lssl -lcrypto
# libssl and libcrypto were built without it: what they do under locks of their own looks like races.
TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 ignore_noninstrumented_modules=1" \
    setarch "$(uname -m)" -R .peers/engine_threads
