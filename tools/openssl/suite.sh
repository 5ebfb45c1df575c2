#!/bin/bash
# usage: suite.sh SUITE TAG VERSION [pytest arguments]
#
# Run the whole suite, and the faults in our C, on OpenSSL VERSION from Debian's SUITE, on both engines
# (ENGINES="cffi c").  A version that cannot be fetched today is named, and is not a failure.  Everything happens in
# .peers, in a copy of the sources: build/ must not mix objects of two OpenSSLs.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
suite=$1 tag=$2 version=$3
shift 3
status=0
tools/openssl/get.sh .peers "$suite" "$tag" "$version" || status=$?
if [ $status = 75 ]; then
    echo "NOT RUN: the suite on OpenSSL $version, which could not be fetched"
    exit 0
fi
[ $status = 0 ] || exit $status

venv=.peers/venv-$tag copy=.peers/src-$tag
rm -rf "$copy"
mkdir "$copy"
cp -r src pyproject.toml setup.py README.md LICENSE "$copy/"
find "$copy" \( -name '*.so' -o -name '*.pyd' -o -name __pycache__ -o -name '*.egg-info' \) -prune -exec rm -r {} +
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
export OPENSSL_BIO_PREFIX=$PWD/.peers/$tag
# The package has to be replaced even though its version has not changed; its dependencies do not.
"$venv/bin/pip" install -q --disable-pip-version-check "./$copy[test]"
"$venv/bin/pip" install -q --disable-pip-version-check --force-reinstall --no-deps --no-cache-dir "./$copy"
# The package on the system's OpenSSL, for sessions that go from one version to another.
[ ! -x .venv/bin/python ] || export OPENSSL_BIO_OTHER=$PWD/.venv/bin/python
for engine in ${ENGINES:-cffi c}; do
    env -u SSL_CERT_FILE -u SSL_CERT_DIR OPENSSL_BIO_ENGINE=$engine EXPECT_OPENSSL="$version" \
        "$venv/bin/python" -m pytest "$@"
done
# Faults in our C: what libssl makes of them differs. They need a build of their own.
"$venv/bin/pip" install -q --disable-pip-version-check 'setuptools>=77'
FAULTS_PYTHON=$venv/bin/python tools/native_faults.sh
