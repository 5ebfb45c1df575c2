#!/bin/bash
# usage: musl.sh [pytest arguments]
#
# Make the wheel for musl, as Alpine has it, and try it where there is no glibc: on Debian, whose musl-gcc compiles Python
# and OpenSSL from their sources first.  What cannot be had today is named, and is not a failure.  Everything is in
# .peers/musl; the wheel in dist/.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."
top=$PWD work=$PWD/.peers/musl minor=3.13 jobs=${JOBS:-$(nproc)}
chroot=$work/root prefix=$work/openssl
unavailable() { echo "NOT RUN: the wheel for musl: $1"; exit 0; }
quiet() { "$@" >"$work/log" 2>&1 || { tail -n 50 "$work/log"; echo "failed: $*"; exit 1; }; }

[ "$(id -u)" = 0 ] || unavailable "only root can make a chroot"
{ command -v musl-gcc && command -v libtoolize; } >/dev/null ||
    apt-get -qq install -y musl-tools autoconf automake libtool >/dev/null || unavailable "no musl-gcc, or no autotools"
mkdir -p "$work"/{headers,bin,apt/lists/partial,apt/cache/archives/partial}
# The kernel's headers are nobody's libc: OpenSSL and Python want them, and musl-gcc looks in its own folder alone.
for folder in linux asm-generic mtd "$(gcc -print-multiarch)/asm"; do
    ln -sfn "/usr/include/$folder" "$work/headers/$(basename "$folder")"
done
# Alpine's libc has this name, by which auditwheel knows it.
libc=libc.musl-$(uname -m).so.1
ln -sfn "$(readlink -f /lib/ld-musl-*.so.1)" "$work/bin/$libc"
cat >"$work/bin/cc" <<END
#!/bin/sh
[ "\$*" != --print-multiarch ] || exec echo $(uname -m)-linux-musl # it would say gnu, which Python's configure refuses
exec musl-gcc -idirafter "$work/headers" -Wl,--as-needed "\$@" "-L$work/bin" -l:$libc
END
chmod +x "$work/bin/cc"
export CC=$work/bin/cc PATH=$chroot/usr/local/bin:$PATH

. tools/wheel/elsewhere.sh
make_openssl
if [ ! -e "$chroot/dev/urandom" ]; then # made last
    echo "== Python $minor (after $SECONDS s)"
    mirror=$(awk '/^URIs:/ { print $2; exit }' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
    printf '%s\n' "Types: deb deb-src" "URIs: ${mirror:-http://deb.debian.org/debian}" "Suites: trixie" "Components: main" \
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg" >"$work/apt/trixie.sources"
    touch "$work/apt/status"
    sources=(-q -o "Dir::Etc::sourcelist=$work/apt/trixie.sources" -o Dir::Etc::sourceparts=- -o APT::Sandbox::User=root
        -o "Dir::State::lists=$work/apt/lists" -o "Dir::State::status=$work/apt/status" -o "Dir::Cache=$work/apt/cache")
    rm -rf "$work/source" "$chroot"
    mkdir -p "$work/source" "$chroot"/{etc,tmp,proc,dev,usr/bin,usr/lib}
    ln -s usr/bin usr/lib "$chroot/"
    cd "$work/source"
    apt-get "${sources[@]}" update >"$work/log" 2>&1 || unavailable "no list of Debian's sources"
    apt-get "${sources[@]}" source --download-only zlib libffi "python$minor" >"$work/log" 2>&1 || unavailable "no sources"
    apt-get "${sources[@]}" download musl bash-static busybox-static >"$work/log" 2>&1 || unavailable "no programs"
    for archive in *.orig.tar.*z; do tar -xf "$archive"; done
    (cd zlib-*/ && export CFLAGS="-O2 -fPIC" && quiet ./configure --static --prefix="$prefix" && quiet make -j"$jobs" install)
    (cd libffi-*/ && quiet ./autogen.sh && quiet ./configure --disable-shared --disable-docs --with-pic --prefix="$prefix" &&
        quiet make -j"$jobs" install)
    (cd Python-*/ && export CPPFLAGS=-I$prefix/include LDFLAGS=-L$prefix/lib PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig &&
        quiet ./configure --prefix="$work/root/usr/local" --with-openssl="$prefix" --disable-test-modules &&
        quiet make -j"$jobs" && quiet make install)
    for package in *.deb; do dpkg -x "$package" "$chroot"; done
    ln -s bash-static "$chroot/bin/bash"
    chroot "$chroot" /bin/busybox --install -s /bin
    echo "root:x:0:0::/root:/bin/sh" >"$chroot/etc/passwd"
    mknod -m 666 "$chroot/dev/null" c 1 3
    mknod -m 666 "$chroot/dev/urandom" c 1 9
    cd "$top"
fi

make_wheel
try_wheel "python$minor" "$@"
