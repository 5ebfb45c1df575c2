#!/bin/bash
# usage: fuzz_native.sh SECONDS [libFuzzer's arguments]
#
# Fuzz the C engine without Python (fuzz/native.c) with libFuzzer, AddressSanitizer and UndefinedBehaviorSanitizer, guided by
# what of our C runs; with INSTRUMENTED=1 also by what runs of libssl and libcrypto, of an OpenSSL that is built for that
# once (tools/openssl/instrumented.py).  The corpus and what is found are in .peers/fuzz.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
seconds=$1
shift
native=src/openssl_bio/_native
sources=$(printf "$native/%s.c " engine_core boxes buffers warm operations datagrams)
flags="-g -O1 -DOBIO_WARM=1 -fno-omit-frame-pointer -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined"
libraries="-lssl -lcrypto"
home=.peers/fuzz/native
if [ -n "${INSTRUMENTED:-}" ]; then
    home=.peers/fuzz/native-libssl
    prefix=${FUZZED_OPENSSL:-.peers/fuzz/openssl}
    "${PYTHON:-python3}" tools/openssl/instrumented.py "$prefix"
    flags+=" -I$prefix/include -DFUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION"
    libraries="$prefix/lib/libssl.a $prefix/lib/libcrypto.a -ldl -lpthread"
elif [ -n "${OPENSSL_BIO_PREFIX:-}" ]; then
    flags+=" -I$OPENSSL_BIO_PREFIX/include -L$OPENSSL_BIO_PREFIX/lib -Wl,-rpath,$OPENSSL_BIO_PREFIX/lib"
fi
mkdir -p $home/corpus
# shellcheck disable=SC2086 # all are lists of words
${CLANG:-clang} $flags -Wall -Wextra -Wno-deprecated-declarations -I$native fuzz/native.c $sources -o $home/fuzzer $libraries
$home/fuzzer -max_total_time="$seconds" -max_len=1024 -len_control=0 -timeout=20 -rss_limit_mb=2048 \
    -artifact_prefix=$home/ -print_final_stats=1 "$@" $home/corpus
