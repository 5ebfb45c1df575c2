# For scripts that have $chroot: the network as here, and `inside COMMAND`, which runs in it.
# shellcheck shell=bash
for file in /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/ssl/certs/ca-certificates.crt; do
    mkdir -p "${chroot:?}$(dirname $file)"
    [ ! -e $file ] || cp -L $file "$chroot$file"
done

inside() { # it sees its own processes in a /proc that goes away with it
    unshare --mount bash -c 'mount -t proc proc "$0/proc" && exec chroot "$0" "${@}"' "$chroot" /usr/bin/env -i \
        PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
