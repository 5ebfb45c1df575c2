#!/bin/bash
# usage: sid.sh [pytest arguments]
#
# Try the wheel in dist/ on the Pythons that Debian's next release has, in a chroot (SID_CHROOT, or one that debootstrap
# makes in .peers), with that release's programs as peers.  What cannot be had today is named, and is not a failure.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
chroot=$(realpath -m "${SID_CHROOT:-.peers/sid}")
unavailable() { echo "NOT RUN: the wheel on Debian sid's Pythons: $1"; exit 0; }

[ "$(id -u)" = 0 ] || unavailable "only root can make a chroot"
wheel=$(ls dist/*manylinux*.whl) sdist=$(ls dist/*.tar.gz)
version=$("${PYTHON:-python3}" -c 'import json; print(json.load(open(".peers/openssl-static/openssl.json"))["version"])')
if [ ! -x "$chroot/usr/bin/apt-get" ]; then
    command -v debootstrap >/dev/null || apt-get -qq install -y debootstrap >/dev/null || unavailable "no debootstrap"
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
    rm -rf "$chroot.part"
    debootstrap --variant=minbase --include=ca-certificates sid "$chroot.part" \
        "${mirror:-http://deb.debian.org/debian}" >"$chroot.log" 2>&1 || unavailable "debootstrap failed, see $chroot.log"
    mv "$chroot.part" "$chroot"
fi
apt-config dump Acquire >"$chroot/etc/apt/apt.conf.d/90host"
. tools/wheel/chroot.sh
inside apt-get -qq update || unavailable "its package lists cannot be had"
inside apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends openssl curl gnutls-bin >/dev/null ||
    echo "without openssl, curl and GnuTLS as peers"

rm -rf "$chroot/try"
mkdir "$chroot/try"
tar -xzf "$sdist" -C "$chroot/try"
cp "$wheel" "$chroot/try/"
for minor in 3.14 3.15; do
    if ! inside apt-get -qq -o Dpkg::Use-Pty=0 install -y --no-install-recommends "python$minor-venv" >/dev/null 2>&1; then
        echo "NOT RUN: the wheel on Python $minor, which Debian sid has not today"
        continue
    fi
    echo "== Python $minor (after $SECONDS s)"
    # shellcheck disable=SC2016  # the inner shell's
    inside bash -c 'cd /try/openssl_bio-*/ && exec tools/wheel/try.sh "$@"' bash \
        "python$minor" "/try/venv-$minor" "/try/$(basename "$wheel")" "$version" "$@"
done
