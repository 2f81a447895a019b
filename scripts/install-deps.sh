#!/usr/bin/env bash
# Installs the Debian packages that cifra needs and that are missing, saying which; does nothing when all are there.
# Usage: scripts/install-deps.sh [build|check]     build: to compile;  check: also to run the tests
set -euo pipefail

build="gcc cmake make pkg-config libc6-dev libdnnl-dev zlib1g-dev libpng-dev libjpeg62-turbo-dev libjansson-dev \
libssl-dev libcairo2-dev fonts-dejavu-core"
check="$build libcmocka-dev libmatio-dev"

case "${1:-build}" in
build) wanted=$build ;;
check) wanted=$check ;;
*) echo "install-deps.sh: build or check expected, found $1" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "install-deps.sh: this is not a Debian system; these packages' counterparts are needed: $wanted" >&2
    exit 0
fi

missing=
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$state" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0

echo "Installing the missing Debian packages:$missing"
as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "install-deps.sh: root is needed; run as root: apt-get install$missing" >&2
        exit 1
    fi
    as_root=sudo
fi
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of words
$as_root apt-get install -y -q --no-install-recommends $missing >/dev/null 2>&1 || {
    $as_root apt-get update -q
    $as_root apt-get install -y -q --no-install-recommends $missing
}
