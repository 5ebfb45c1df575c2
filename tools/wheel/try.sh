#!/bin/bash
# usage: try.sh PYTHON VENV WHEEL OPENSSL [pytest arguments]
#
# In an unpacked sdist: install a wheel in a new environment of a Python, see that it runs on its own OPENSSL, and run the
# sdist's tests there: with Python's ssl there before us, all but what is about the sources; with it after us, those that
# make connections.  Test packages that cannot be had for that Python are named, and their tests skipped.
set -euo pipefail
python=$1 venv=$2 wheel=$3 version=$4
shift 4
pip() { "$venv/bin/python" -m pip install -q --disable-pip-version-check "$@"; }
run_tests() { # FIRST-IMPORT ENGINE [pytest arguments]
    local first=$1 engine=$2
    shift 2
    env -u SSL_CERT_FILE -u SSL_CERT_DIR OPENSSL_BIO_ENGINE="$engine" EXPECT_OPENSSL="$version" \
        "$venv/bin/python" -m pytest -q -p "$first" "$@"
}
requirements() { # those of the tests, a line each
    "$venv/bin/python" - <<'END'
from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement

for requirement in map(Requirement, requires("openssl-bio")):
    if requirement.marker and requirement.marker.evaluate({"extra": "test"}):
        print(f"{requirement.name}{requirement.specifier}")
END
}

"$python" -m venv "$venv"
pip "$wheel"
"$venv/bin/python" tools/wheel/check.py "$version"
"$venv/bin/python" -c 'import openssl_bio; assert "site-packages" in openssl_bio.__file__'
if ! pip "$wheel[test]" 2>"$venv/log"; then
    requirements >"$venv/requirements"
    while read -r requirement; do
        pip --only-binary :all: "$requirement" 2>"$venv/log" || echo "NOT HAD for this Python: $requirement"
    done <"$venv/requirements"
fi
run_tests ssl c --ignore=tests/test_rules.py --ignore=tests/core/test_faults.py "$@"
run_tests openssl_bio.SSL cffi tests/stdlib tests/pyopenssl/test_connection.py "$@"
