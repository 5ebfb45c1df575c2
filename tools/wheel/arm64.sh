#!/bin/bash
# usage: arm64.sh [pytest arguments]
#
# Make the wheel for aarch64 with Debian's cross compiler, and try it in a chroot of Debian for arm64 (ARM64_CHROOT, or one
# that debootstrap makes in .peers), whose programs QEMU executes, many times slower.  What cannot be had today is named,
# and is not a failure.  The wheel goes to dist/.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
work=$PWD/.peers/arm64 chroot=$(realpath -m "${ARM64_CHROOT:-.peers/arm64/root}")
unavailable() { echo "NOT RUN: the wheel for aarch64: $1"; exit 0; }

[ "$(id -u)" = 0 ] || unavailable "only root can make a chroot"
for tool in qemu-aarch64-static update-binfmts aarch64-linux-gnu-gcc debootstrap; do
    command -v $tool >/dev/null && continue
    apt-get -qq install -y --no-install-recommends \
        qemu-user-static binfmt-support gcc-aarch64-linux-gnu libc6-dev-arm64-cross debootstrap >/dev/null ||
        unavailable "no $tool"
done
binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc none $binfmt || unavailable "this kernel has no binfmt_misc"
update-binfmts --enable qemu-aarch64 && grep -q ^enabled $binfmt/qemu-aarch64 || unavailable "no QEMU for its programs"
if [ ! -e "$chroot/usr/bin/python3" ]; then
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
    rm -rf "$chroot.part"
    mkdir -p "$work"
    debootstrap --arch=arm64 --variant=minbase \
        --include=ca-certificates,python3-venv,python3-dev,openssl,curl,gnutls-bin \
        bookworm "$chroot.part" "${mirror:-http://deb.debian.org/debian}" >"$chroot.log" 2>&1 ||
        unavailable "debootstrap failed, see $chroot.log"
    mv "$chroot.part" "$chroot"
fi

# make.sh, for another machine: its compiler, the headers of its Python, its name.
mkdir -p "$work" dist
printf '[bdist_wheel]\nplat_name = linux_aarch64\n' >"$work/setup.cfg"
export OPENSSL_TARGET=linux-aarch64 DIST_EXTRA_CONFIG=$work/setup.cfg
export CC="aarch64-linux-gnu-gcc -I$chroot/usr/include/python3.11 -idirafter $chroot/usr/include"
. tools/wheel/elsewhere.sh
make_openssl
make_wheel
try_wheel python3 "$@"
