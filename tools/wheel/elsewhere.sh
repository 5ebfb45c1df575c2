# For scripts that make a wheel for another system than this one: they have a folder $work, a $chroot with the other
# system, `unavailable`, and in the environment what it takes to compile for that.
# shellcheck shell=bash

make_openssl() {
    local status=0
    echo "== OpenSSL (after $SECONDS s)"
    "${PYTHON:-python3}" tools/openssl/build.py "${work:?}/openssl" || status=$?
    [ $status != 75 ] || unavailable "its OpenSSL could not be fetched"
    [ $status = 0 ] || exit $status
}

make_wheel() { # from the sources as git has them; into dist/
    mkdir -p "$work/build/.peers" dist
    find "$work/build" -mindepth 1 -maxdepth 1 ! -name .peers -exec rm -r {} +
    git ls-files -z | tar -c --null -T - | tar -x -C "$work/build"
    ln -sfn "$work/openssl" "$work/build/.peers/openssl-static"
    OPENSSL_BIO_PREFIX=$work/openssl PYTHONS="" "$work/build/tools/wheel/make.sh"
    wheel=$(echo "$work"/build/dist/*.whl)
    cp "$wheel" dist/
}

try_wheel() { # PYTHON [pytest arguments]: in the chroot
    local version
    echo "== $1 (after $SECONDS s)"
    . tools/wheel/chroot.sh
    rm -rf "$chroot/try"
    mkdir "$chroot/try"
    cp "$wheel" "$chroot/try/"
    tar -xzf "$work"/build/dist/*.tar.gz -C "$chroot/try"
    version=$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["version"])' "$work/openssl/openssl.json")
    # shellcheck disable=SC2016  # the inner shell's
    inside bash -c 'cd /try/openssl_bio-*/ && exec tools/wheel/try.sh "$@"' bash \
        "$1" /try/venv "/try/$(basename "$wheel")" "$version" "${@:2}"
}
