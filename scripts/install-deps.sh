#!/usr/bin/env bash
# Installs the Debian packages that cifra needs and that are missing, saying which; does nothing when all are there.
# Usage: scripts/install-deps.sh [build|check|long]     build: to compile;  check: also to run the tests;  long: and the long ones
set -euo pipefail

# libcyaml's own list of libraries has libyaml, which its package does not bring.
build="gcc cmake make pkg-config libc6-dev libdnnl-dev zlib1g-dev libpng-dev libjpeg62-turbo-dev libgif-dev \
libtiff-dev libwebp-dev libjansson-dev libssl-dev libcairo2-dev libsqlite3-dev libcyaml-dev libyaml-dev \
libcurl4-openssl-dev ca-certificates fonts-dejavu-core"
check="$build libcmocka-dev libmatio-dev python3"
long="$check valgrind libc6-dbg clang"
# Tests that need one of these skip, and say so, where it cannot be had.
optional=

case "${1:-build}" in
build) wanted=$build ;;
check) wanted=$check optional=chromium ;;
long) wanted=$long optional=chromium ;;
*) echo "install-deps.sh: build, check or long expected, found $1" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "install-deps.sh: this is not a Debian system; these packages' counterparts are needed: $wanted" >&2
    exit 0
fi

lacking() { # lacking PACKAGE...: those of them that are not installed
    local package state
    for package; do
        state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
        [ "$state" = installed ] || printf ' %s' "$package"
    done
}
# shellcheck disable=SC2086  # lists of words, here and below
missing=$(lacking $wanted) extra=$(lacking $optional)
[ -z "$missing$extra" ] && exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        [ -z "$missing" ] && exit 0
        echo "install-deps.sh: root is needed; run as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
add() { # add PACKAGE...: with the lists of packages as they are, or else renewed
    $as_root apt-get install -y -q --no-install-recommends "$@" >/dev/null 2>&1 || {
        $as_root apt-get update -q
        $as_root apt-get install -y -q --no-install-recommends "$@"
    }
}
if [ -n "$missing" ]; then
    echo "Installing the missing Debian packages:$missing"
    # shellcheck disable=SC2086
    add $missing
fi
if [ -n "$extra" ]; then
    echo "Installing Debian packages that some tests use:$extra"
    # shellcheck disable=SC2086
    add $extra >/dev/null 2>&1 ||
        echo "install-deps.sh:$extra cannot be installed here; the tests that need it are skipped" >&2
fi
