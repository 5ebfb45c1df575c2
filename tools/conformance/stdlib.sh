#!/bin/bash
# usage: stdlib.sh [pytest arguments]
#
# Run the tests of ssl and of asyncio's TLS that the running Python brings along, unmodified, with this package's face in
# the place of ssl (swap.py).  What is expected to fail, and why, is in stdlib.txt; expected.py compares.  A line that
# begins with [3.11] or [3.12+] is for those Pythons.
#
# A server of these tests stops for good if its client closes before it has read its tickets and the kernel therefore
# resets the connection.  Who is first is a matter of luck, with Python's own ssl too: so a failure is tried again, often,
# since on some machines bad luck lasts for seconds.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")/../..
here=$(readlink -f "$here")
python=${PYTHON_FOR_TESTS:-$here/.venv/bin/python}
work=$here/.peers/stdlib-tests
mkdir -p "$work"
if ! tests=$("$python" -c 'import test.test_ssl, os; print(os.path.dirname(test.test_ssl.__file__))' 2>/dev/null); then
    echo "NOT RUN: this Python has no tests of ssl (Debian: libpython3-testsuite)"
    exit 0
fi
if ! "$python" -c 'import pytest_rerunfailures' 2>/dev/null; then
    "$python" -m pip --quiet --disable-pip-version-check --retries 2 --timeout 20 install pytest-rerunfailures ||
        { echo "NOT RUN: pytest-rerunfailures could not be fetched from PyPI"; exit 0; }
fi

"$python" - "$here/tools/conformance/stdlib.txt" >"$work/differences.txt" <<'PYTHON'
import re, sys
for line in open(sys.argv[1]):
    tag = re.match(r"\[3\.(\d+)(\+?)\] ", line)
    minor = sys.version_info.minor
    if tag is None:
        print(line, end="")
    elif minor == int(tag[1]) or (tag[2] and minor > int(tag[1])):
        print(line[tag.end() :], end="")
PYTHON
printf '[pytest]\ntestpaths = test_ssl.py test_asyncio/test_ssl.py test_asyncio/test_sslproto.py\n' >"$work/pytest.ini"

# A connection that is reset while it is read is an error since Python 3.13, and here; up to 3.12 the tests' server takes
# it for a failure of its own and stops, if a client closes before it has read the tickets.  Such tests are run again.
"$python" -c 'import ssl, sys; print("the tests of Python", sys.version.split()[0])'
cd "$tests"
exec env -u SSL_CERT_FILE -u SSL_CERT_DIR PYTHONPATH="$here/src:$here/tools/conformance" PYTHONDONTWRITEBYTECODE=1 \
    PYTHONWARNINGS=ignore "$python" -m pytest -c "$work/pytest.ini" --rootdir "$tests" \
    -p swap -p expected --differences="$work/differences.txt" -p no:cacheprovider -q -rfE --tb=short --timeout 60 \
    --reruns 40 --only-rerun 'ConnectionRe' --only-rerun 'ConnectionAborted' --only-rerun 'BrokenPipe' \
    --may-skip 'Windows' --may-skip 'locale-specific' --may-skip 'local time' --may-skip 'Resource ' \
    --may-skip 'SSLv' --may-skip 'TLSv1 is' --may-skip 'TLSv1_1 is' --may-skip 'Test only works' "$@"
