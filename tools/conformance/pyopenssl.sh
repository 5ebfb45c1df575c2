#!/bin/bash
# usage: pyopenssl.sh [pytest arguments]
#
# Run the tests of pyOpenSSL's newest release, unmodified, against this package in its place.  What is expected to fail,
# and why, is in pyopenssl.txt; expected.py compares.  If PyPI cannot be reached, that is named, and is not a failure.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
venv=.peers/venv-conformance work=.peers/pyopenssl
pip() { "$venv/bin/pip" --quiet --disable-pip-version-check --retries 2 --timeout 20 "$@"; }

mkdir -p "$work"
[ -x "$venv/bin/python" ] || .venv/bin/python -m venv "$venv"
# What the tests need, as pyOpenSSL's extra `test` names it, and what we need; not pyOpenSSL itself.
if ! { pip install cffi cryptography pretend pytest pytest-rerunfailures pytest-timeout &&
    pip download --no-deps --no-binary pyOpenSSL --dest "$work" pyOpenSSL; }; then
    echo "NOT RUN: pyOpenSSL's tests, which could not be fetched from PyPI"
    exit 0
fi
archive=$(ls -t "$work"/*.tar.gz | head -n 1)
rm -rf "$work/source"
mkdir "$work/source"
tar -xzf "$archive" -C "$work/source" --strip-components 1
rm -rf "$work/source/src" # nothing of it may be imported
echo "the tests of $(basename "$archive" .tar.gz):"

here=$PWD
cd "$work/source"
env -u SSL_CERT_FILE -u SSL_CERT_DIR PYTHONPATH="$here/src:$here/tools/conformance" \
    PYTHONWARNINGS=ignore::ResourceWarning "$here/$venv/bin/python" -m openssl_bio run --pyopenssl -m pytest \
    -p expected --differences="$here/tools/conformance/pyopenssl.txt" -p no:cacheprovider \
    -q -rfE -W ignore::DeprecationWarning --timeout 60 "$@"
