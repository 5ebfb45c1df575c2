#!/bin/bash
# usage: get.sh DIR SUITE TAG VERSION
#
# Put OpenSSL VERSION (3.5) from Debian's SUITE into DIR/TAG/include and DIR/TAG/lib, without installing anything.
# The static libraries of libssl-dev are relinked: the shared ones of a newer suite want a newer glibc than this one.
# Where the suite has a FIPS provider that works here, it is in DIR/TAG/modules.
# Exit status 75: the suite could not be reached, or no longer has that version.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$(realpath -m "$1") suite=$2 tag=$3 version=$4
out=$root/$tag apt=$root/apt-$suite

unavailable() { echo "OpenSSL $version cannot be had from Debian $suite: $1" >&2; exit 75; }

[ -e "$out/lib/libssl.so" ] && exit 0
for tool in apt-get dpkg gcc; do command -v $tool >/dev/null || unavailable "this machine has no $tool"; done
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e $keyring ] || unavailable "$keyring is missing"

# An apt of its own, so that the machine's package lists stay as they are.
rm -rf "$out" "$apt/debs"
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/debs"
touch "$apt/status"
mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
cat >"$apt/suite.sources" <<END
Types: deb
URIs: ${mirror:-http://deb.debian.org/debian}
Suites: $suite
Components: main
Signed-By: $keyring
END
options=(-q -o "Dir::Etc::sourcelist=$apt/suite.sources" -o Dir::Etc::sourceparts=- -o "Dir::State::lists=$apt/lists"
    -o "Dir::State::status=$apt/status" -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root)
apt-get "${options[@]}" update >"$apt/log" 2>&1 || unavailable "apt-get update failed, see $apt/log"
(cd "$apt/debs" && apt-get "${options[@]}" download libssl-dev) >>"$apt/log" 2>&1 ||
    unavailable "apt-get download failed, see $apt/log"
(cd "$apt/debs" && apt-get "${options[@]}" download openssl-provider-fips) >>"$apt/log" 2>&1 ||
    echo "Debian $suite has no FIPS provider"
mkdir -p "$out/root"
for package in "$apt"/debs/*.deb; do dpkg -x "$package" "$out/root"; done
grep -q "OPENSSL_VERSION_STR \"$version\." "$out/root/usr/include/openssl/opensslv.h" \
    "$out"/root/usr/include/*/openssl/opensslv.h 2>/dev/null ||
    unavailable "it has $(basename "$apt"/debs/libssl-dev_*.deb)"

# Debian splits the headers by architecture; one folder is easier to point a compiler at.
mkdir "$out/include" "$out/lib"
cp -r "$out/root/usr/include/openssl" "$out/include/"
cp -r "$out"/root/usr/include/*/openssl "$out/include/" 2>/dev/null || true
mkdir "$out/modules"
fips=$(echo "$out"/root/usr/lib/*/ossl-modules/fips.so)
# One of a newer suite may want a newer glibc than this one, too.
"${PYTHON:-python3}" -c 'import ctypes, sys; ctypes.CDLL(sys.argv[1])' "$fips" 2>/dev/null && cp "$fips" "$out/modules/"
static=$(dirname "$(find "$out/root" -name libssl.a)")

gcc -std=c11 -O2 -fPIC -c "$here/shim.c" -o "$out/shim.o"
# Names with the tag: the system's libssl is in the same process as soon as Python's own ssl is imported.
gcc -shared -o "$out/lib/libcrypto-$tag.so" -Wl,-soname,"libcrypto-$tag.so" -Wl,-Bsymbolic \
    -Wl,--whole-archive "$static/libcrypto.a" -Wl,--no-whole-archive "$out/shim.o" -l:libz.so.1 -l:libzstd.so.1
gcc -shared -o "$out/lib/libssl-$tag.so" -Wl,-soname,"libssl-$tag.so" -Wl,-Bsymbolic -Wl,-rpath,'$ORIGIN' \
    -Wl,--whole-archive "$static/libssl.a" -Wl,--no-whole-archive "$out/shim.o" "$out/lib/libcrypto-$tag.so"
ln -s "libcrypto-$tag.so" "$out/lib/libcrypto.so"
ln -s "libssl-$tag.so" "$out/lib/libssl.so"
rm -r "$out/root" "$out/shim.o"
