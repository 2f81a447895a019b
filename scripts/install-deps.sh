#!/usr/bin/env bash
# Installs the packages of Debian or Ubuntu that cifra needs and that are missing, saying which; does nothing when all are there.
# On Fedora and Arch it says what is missing, and how to get it.
# Usage: scripts/install-deps.sh [build|check|long] [--list debian|fedora|arch]
#   build: to compile;  check: also to run the tests;  long: and the long ones
#   --list: prints that system's names of the packages, and does nothing else
set -euo pipefail

# What for, and the names with Debian and Ubuntu, with Fedora, with Arch; -: nothing is needed. Where names stand between |, one of
# them is enough, and the last is the one to install.
packages='
build    gcc                     gcc                     gcc
build    cmake                   cmake                   cmake
build    make                    make                    make
build    pkgconf|pkg-config      pkgconf-pkg-config      pkgconf
build    libc6-dev               glibc-devel             glibc
build    libdnnl-dev             onednn-devel            onednn
build    zlib1g-dev              zlib-devel              zlib
build    libpng-dev              libpng-devel            libpng
build    libjpeg62-turbo-dev|libjpeg-turbo8-dev|libjpeg-dev libjpeg-turbo-devel libjpeg-turbo
build    libgif-dev              giflib-devel            giflib
build    libtiff-dev             libtiff-devel           libtiff
build    libwebp-dev             libwebp-devel           libwebp
build    libjansson-dev          jansson-devel           jansson
build    libssl-dev              openssl-devel           openssl
build    libcairo2-dev           cairo-devel             cairo
build    libsqlite3-dev          sqlite-devel            sqlite
build    libyaml-dev             libyaml-devel           libyaml
build    libcurl4-openssl-dev    libcurl-devel           curl
build    ca-certificates         ca-certificates         ca-certificates
build    fonts-dejavu-core       dejavu-sans-fonts       ttf-dejavu
check    libcmocka-dev           libcmocka-devel         cmocka
check    libmatio-dev            matio-devel             libmatio
check    libopenmpi-dev          openmpi-devel           openmpi
check    openmpi-bin             openmpi                 openmpi
check    libmicrohttpd-dev       libmicrohttpd-devel     libmicrohttpd
check    python3                 python3                 python
check    python3-numpy           python3-numpy           python-numpy
long     valgrind                valgrind                valgrind
long     libc6-dbg               -                       -
long     clang                   clang                   clang
long     libclang-rt-dev         compiler-rt             compiler-rt
long     libomp-dev              libomp-devel            openmp
long     gcc-arm-none-eabi       arm-none-eabi-gcc-cs    arm-none-eabi-gcc
long     libnewlib-arm-none-eabi arm-none-eabi-newlib    arm-none-eabi-newlib
long     qemu-system-arm         qemu-system-arm         qemu-system-arm
long     gcc-aarch64-linux-gnu   -                       aarch64-linux-gnu-gcc
long     libc6-dev-arm64-cross   -                       aarch64-linux-gnu-glibc
long     qemu-user               qemu-user               qemu-user
optional chromium                chromium                chromium
'

level=build system=''
while [ $# -gt 0 ]; do
    case $1 in
    build | check | long) level=$1 ;;
    --list)
        case ${2-} in
        debian | fedora | arch) system=$2 ;;
        *) echo "install-deps.sh: --list: debian, fedora or arch expected, found ${2-nothing}" >&2; exit 2 ;;
        esac
        shift
        ;;
    *) echo "install-deps.sh: build, check or long expected, found $1" >&2; exit 2 ;;
    esac
    shift
done

names() { # names SYSTEM build|check|long|optional: what that asks for, with all that comes before it
    local column levels
    case $1 in debian) column=2 ;; fedora) column=3 ;; arch) column=4 ;; esac
    case $2 in check) levels="build check" ;; long) levels="build check long" ;; *) levels=$2 ;; esac
    awk -v column=$column -v levels=" $levels " 'NF && index(levels, " " $1 " ") && $column != "-" { print $column }' <<<"$packages"
}
if [ -n "$system" ]; then
    names "$system" "$level" | sed 's/.*|//'
    exit
fi

there() { # there PACKAGE: whether it, or what takes its place, is installed
    case $system in
    debian) [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ] ;;
    fedora) rpm -q --whatprovides "$1" >/dev/null 2>&1 ;;
    arch) pacman -T "$1" >/dev/null 2>&1 ;;
    esac
}
lacking() { # lacking NAMES...: those that are not there, each after a space
    local names name
    for names; do
        for name in ${names//|/ }; do there "$name" && continue 2; done
        printf ' %s' "${names##*|}"
    done
}

if command -v apt-get >/dev/null && command -v dpkg-query >/dev/null; then
    system=debian
elif command -v dnf >/dev/null && command -v rpm >/dev/null; then
    system=fedora get="dnf install"
elif command -v pacman >/dev/null; then
    system=arch get="pacman -S --needed"
else
    echo "install-deps.sh: no apt-get, dnf or pacman here; the counterparts of these packages of Debian are needed:" \
        "$(names debian "$level" | sed 's/.*|//' | paste -sd ' ')" >&2
    exit 0
fi
# Tests that need an optional package skip, and say so, where it cannot be had.
# shellcheck disable=SC2046  # lists of words
missing=$(lacking $(names $system "$level"))
# shellcheck disable=SC2046
[ "$level" = build ] && extra='' || extra=$(lacking $(names $system optional))
if [ $system != debian ]; then
    [ -z "$missing" ] || echo "install-deps.sh: what is missing here is not installed for you; as root: $get$missing" >&2
    [ -z "$extra" ] || echo "install-deps.sh: for some tests, skipped without it: $get$extra" >&2
    exit 0
fi
# What apt knows nothing of is not asked for each time: Ubuntu has its Chromium as a snap alone.
# shellcheck disable=SC2086
if [ -n "$extra" ] && apt-cache show gcc >/dev/null 2>&1 && ! apt-cache show $extra >/dev/null 2>&1; then
    echo "install-deps.sh: apt has no$extra here; the tests that need it are skipped" >&2
    extra=''
fi
[ -n "$missing$extra" ] || exit 0

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
    echo "Installing the missing packages:$missing"
    # shellcheck disable=SC2086
    add $missing
fi
if [ -n "$extra" ]; then
    echo "Installing packages that some tests use:$extra"
    # shellcheck disable=SC2086
    add $extra >/dev/null 2>&1 ||
        echo "install-deps.sh:$extra cannot be installed here; the tests that need it are skipped" >&2
fi
