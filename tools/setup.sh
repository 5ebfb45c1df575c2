#!/bin/sh
# usage: setup.sh build|test|wheel|valgrind|fuzz
#
# Look for what pip cannot install: for `build`, a compiler and the headers of OpenSSL and Python; for `test`, the
# programs that the tests talk to; for `wheel`, what building OpenSSL takes; for `valgrind`, that; for `fuzz`, clang with
# libFuzzer.  Debian's root gets what is missing; anybody else is told the packages' names.
set -eu
python=${PYTHON:-python3}
need=

want() { # PACKAGE COMMAND...: the package is needed if the command fails
    package=$1
    shift
    "$@" >/dev/null 2>&1 || need="$need $package"
}
header() { echo "#include <$1>" | ${CC:-cc} ${OPENSSL_BIO_PREFIX:+-I$OPENSSL_BIO_PREFIX/include} $2 -E - ; }

look() {
    need=
    case $1 in
    build)
        want gcc command -v "${CC:-cc}"
        want libssl-dev header openssl/ssl.h ""
        want python3-dev header Python.h "-I$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')"
        want python3-venv "$python" -c 'import ensurepip, venv'
        ;;
    test)
        want openssl command -v openssl
        want curl command -v curl
        want gnutls-bin command -v gnutls-serv
        want redis-server command -v redis-server
        want haproxy sh -c 'PATH=$PATH:/usr/sbin command -v haproxy'
        ;;
    valgrind)
        want valgrind command -v valgrind
        want python3-venv /usr/bin/python3 -c 'import ensurepip, venv'
        ;;
    fuzz)
        want clang command -v clang
        want libclang-rt-dev sh -c 'echo "int LLVMFuzzerTestOneInput(const char *d, long n) { return d == 0 && n; }" |
            clang -fsanitize=fuzzer,address -x c - -o /dev/null'
        ;;
    wheel)
        want make command -v make
        want perl perl -MIPC::Cmd -MTime::Piece -e 1
        ;;
    *)
        echo "usage: setup.sh build|test|wheel|valgrind|fuzz" >&2
        exit 2
        ;;
    esac
}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "openssl_bio needs Python 3.11 or newer; PYTHON=... says which one to use" >&2
    exit 1
}
look "$1"
[ -n "$need" ] || exit 0
if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    echo "installing$need"
    # $need is a list of words.
    if apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $need; then
        look "$1"
        [ -n "$need" ] || exit 0
    fi
fi >&2

case $1 in
build)
    cat >&2 <<'END'
To build openssl_bio, a C compiler and the headers of OpenSSL (3.0 or newer) and Python are needed:
  Debian, Ubuntu  apt-get install gcc libssl-dev python3-dev python3-venv
  Fedora          dnf install gcc openssl-devel python3-devel
  Alpine          apk add gcc musl-dev openssl-dev python3-dev
  macOS           xcode-select --install; brew install openssl@3; export OPENSSL_BIO_PREFIX=$(brew --prefix openssl@3)
  Windows         Visual Studio Build Tools; an OpenSSL with headers, its folder in OPENSSL_BIO_PREFIX
END
    echo "Missing here, by Debian's names:$need" >&2
    exit 1
    ;;
test)
    cat >&2 <<'END'
Some tests talk to other programs, and are skipped without them:
  Debian, Ubuntu  apt-get install openssl curl gnutls-bin redis-server haproxy
  Fedora          dnf install openssl curl gnutls-utils redis haproxy
  Alpine          apk add openssl curl gnutls-utils redis haproxy
  macOS           brew install openssl@3 curl gnutls redis haproxy
  Windows         winget install ShiningLight.OpenSSL.Light; GnuTLS has its own installer, Redis and HAProxy none
Node.js and a JDK are two more, and optional.
END
    echo "Missing here, by Debian's names:$need" >&2
    ;;
valgrind | fuzz)
    echo "Missing here, by Debian's names:$need" >&2
    exit 1
    ;;
wheel)
    echo "Building OpenSSL takes make, and perl with its usual modules. Missing here, by Debian's names:$need" >&2
    exit 1
    ;;
esac
