#!/bin/sh
# usage: free_threaded.sh [pytest arguments]
#
# The suite without the GIL, on both engines (ENGINES="c cffi"): on FREE_THREADED=python3.14t, or on a Python 3.13 that is
# built in .peers from Debian's source, where root can have that.  cffi wants 3.14, and what makes it refuse an older one
# is taken out: good for trying, and for nothing else.  cryptography is not for 3.13 either, so there some of the tests
# fail for want of it.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
root=$PWD here=$PWD/.peers/free-threaded
python=${FREE_THREADED:-$here/python/bin/python3.13t}

if ! command -v "$python" >/dev/null; then
    mkdir -p "$here/source/lists/partial"
    cd "$here/source"
    key=/usr/share/keyrings/debian-archive-keyring.gpg
    echo "deb-src [signed-by=$key] http://deb.debian.org/debian trixie main" >sources.list
    apt="apt-get -qq -o Dir::Etc::sourcelist=$PWD/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::lists=$PWD/lists"
    $apt -o APT::Sandbox::User=root update
    $apt -o APT::Sandbox::User=root source --download-only python3.13
    tar -xf python3.13_*.orig.tar.xz
    cd Python-3.13.*/
    ./configure -q --disable-gil --disable-test-modules --prefix="$here/python"
    make -s -j2
    make -s install
    cd "$root"
fi
inside=$here/venv/bin/python
[ -x "$inside" ] || "$python" -m venv "$here/venv"
pip="$inside -m pip install -q --disable-pip-version-check"
# Newer versions of hypothesis have a part in Rust, without wheels for every free-threaded Python.
$pip 'setuptools>=77' wheel pycparser pytest pytest-timeout 'hypothesis<6.140'
if ! "$inside" -c 'import cffi' 2>/dev/null && ! $pip --only-binary :all: cffi 'cryptography>=42' 2>/dev/null; then
    rm -rf "$here/cffi"
    "${PYTHON:-python3}" -m pip download -q --no-deps --no-binary cffi -d "$here/cffi" cffi
    tar -xf "$here"/cffi/cffi-*.tar.gz -C "$here/cffi"
    sed -i 's/sys.version_info < (3, 14)/False/' "$here"/cffi/cffi-*/setup.py
    $pip --no-build-isolation "$here"/cffi/cffi-*/
fi
"$inside" setup.py -q build_ext --inplace
for engine in ${ENGINES:-c cffi}; do
    env -u SSL_CERT_FILE -u SSL_CERT_DIR PYTHONPATH=src PYTHON_GIL=0 OPENSSL_BIO_ENGINE="$engine" \
        "$inside" -m pytest --continue-on-collection-errors "$@"
done
