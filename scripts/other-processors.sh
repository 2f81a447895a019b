#!/usr/bin/env bash
# The program on processors that are not here, under QEMU: an x86-64 without AVX2, and ARM (aarch64), for which it is built with the
# cross compiler and the ARM packages of this Debian or Ubuntu. Generated data must be the same to the byte, the C tests named below
# must pass, a tiny training must come to the loss that it has here.
# Usage: scripts/other-processors.sh NATIVE BUILD
#   NATIVE  the folder of a build for this processor, with which the others' is compared
#   BUILD   a folder for the build for ARM and its packages, used again where it is there (300 MB; 60 MB are downloaded)
# Exit status: 0 done, 1 something failed, 2 wrong usage, 77 skipped, all or in part (the reasons are printed).
# Nothing is installed, and no root is needed: the packages are unpacked below BUILD, from where apt here has its own.
set -euo pipefail

usage() {
    sed -n '5,7s/^# //p' "$0" >&2
    exit 2
}
[ $# = 2 ] || usage
[ -x "$1/cifra" ] || { echo "other-processors.sh: $1/cifra is not there" >&2 && exit 2; }
source=$(cd "$(dirname "$0")/.." && pwd)
native=$(cd "$1" && pwd) build=$(realpath -m "$2")
cross=aarch64-linux-gnu system=$build/system
# What is computed: random numbers, generated data, kernels, engines, plans, and a training in miniature.
tests="rng slices portable hand pen street street_camera street_outline generated_set kernels stem conv_dense matrix_product features
plan optimizer golden model_file layout_kernels fit"

skipped='' failed=''
skip() { # skip WHAT WHY
    echo "SKIPPED: $1: $2"
    skipped=yes
}
bad() {
    echo "FAILED: $*"
    failed=yes
}
quietly() { # quietly COMMAND...: what it prints is shown if it fails
    "$@" >"$work/log" 2>&1 || {
        cat "$work/log"
        bad "$*"
        return 1
    }
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# ---- The same command here and there ----

sets=("hand:n=2000,test=500" "hand:n=300,test=100,seed=7" "street:n=600,test=200" "street:n=100,test=50,size=64")
compare_data() { # compare_data WHAT COMMAND...: the checksums of generated sets; COMMAND is the program there
    local what=$1 set here there
    shift
    for set in "${sets[@]}"; do
        here=$("$native/cifra" data info "$set" | sed -n 's/^ *sha256 *//p') || true
        there=$("$@" data info "$set" | sed -n 's/^ *sha256 *//p') || true
        if [ -n "$here" ] && [ "$here" = "$there" ]; then
            echo "$what: $set: the same bytes ($here)"
        else
            bad "$what: the bytes of $set: $there there, $here here"
        fi
    done
}

losses() { # losses COMMAND...: of a tiny training: after its epochs, and of the test; with the kernels that it names
    "$@" --data hand:n=200,test=50 --split pooled --epochs 2 --batch 16 --threads 2 --figures none --out "$work/run" \
        --model "conv 8 3x3 | bn | relu | maxpool 2 | conv 16 3x3 | bn | relu | maxpool 4 | dense 16 | relu | dense classes" \
        >"$work/out" 2>&1 || { cat "$work/out" >&2 && return 1; }
    sed -nE -e 's/^engine .*(baseline|reference).*/\1/p' -e 's/^accuracy .*, loss ([0-9.]+)$/\1/p' \
        -e 's/^epoch.* loss ([0-9.]+) .* loss ([0-9.]+) .*/\1 \2/p' "$work/out" | paste -sd ' '
    rm -rf "$work/run"
}
compare_training() { # compare_training WHAT COMMAND...: with both engines; sums may be of another order there
    local what=$1 engine here there
    shift
    for engine in fast reference; do
        here=$(CIFRA_ISA=baseline losses "$native/cifra" train --engine $engine) || true
        there=$(losses "$@" train --engine $engine) || true
        if awk -v a="$here" -v b="$there" 'BEGIN {
                n = split(a, x)
                if (n != 6 || split(b, y) != n || x[1] != y[1]) exit 1
                for (i = 2; i <= n; i++) if (x[i] - y[i] > 0.001 || y[i] - x[i] > 0.001) exit 1
            }'; then
            echo "$what: a training with the $engine engine: losses $there"
        else
            bad "$what: losses of a training with the $engine engine: \"$there\" there, \"$here\" here"
        fi
    done
}

emulator() { command -v "qemu-$1" || command -v "qemu-$1-static"; }

# ---- x86-64 without AVX2 ----

old_x86() {
    local what="x86-64 without AVX2" qemu
    [ "$(uname -m)" = x86_64 ] || { skip "$what" "this processor is no x86-64" && return; }
    qemu=$(emulator x86_64) || { skip "$what" "there is no qemu-x86_64 (apt-get install qemu-user)" && return; }
    compare_data "$what" "$qemu" -cpu Nehalem "$native/cifra"
    compare_training "$what" "$qemu" -cpu Nehalem "$native/cifra"
}

# ---- ARM ----

# Downloads and unpacks the packages for ARM that the program and its tests need: apt, as it is here, with a state of its own.
unpack_system() {
    local apt=$build/apt package link options=(-q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
        -o Dir::State::Lists="$build/apt/lists" -o Dir::State::status="$build/apt/status" -o Dir::Cache="$build/apt"
        -o Debug::NoLocking=1 -o APT::Get::Assume-Yes=1 -o APT::Install-Recommends=0)
    rm -rf "$system"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$system"/usr/{bin,lib,sbin}
    : >"$apt/status"
    apt-get "${options[@]}" update >"$work/log" 2>&1 || true # without some list, the next may still find all
    "$source/scripts/install-deps.sh" check --list debian | grep -E '^(lib|fonts-)|-dev$' |
        xargs apt-get "${options[@]}" --download-only install libgomp1 >>"$work/log" 2>&1 ||
        { skip ARM "apt gets no packages for arm64 here: $(grep -E '^E: ' "$work/log" | tail -1)" && return 1; }
    for link in bin lib sbin; do ln -s usr/$link "$system/$link"; done
    for package in "$apt"/archives/*.deb; do
        dpkg-deb --fsys-tarfile "$package" | tar -C "$system" --keep-directory-symlink --no-same-owner -xf - \
            --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*'
    done
    # Links from the root on are meant from the root in there.
    find "$system" -type l -lname '/*' -printf '%p %l\n' | while read -r package link; do ln -sfn "$system$link" "$package"; done
    rm -rf "$apt"
    : >"$build/system.complete"
}

arm() {
    local qemu missing='' libraries=$system/usr/lib
    [ "$(uname -m)" != aarch64 ] || { skip ARM "this processor is one: make check tests it" && return; }
    command -v $cross-gcc >/dev/null || missing+=" gcc-$cross"
    qemu=$(emulator aarch64) || missing+=" qemu-user"
    command -v dpkg-deb >/dev/null || { skip ARM "its packages are Debian's or Ubuntu's, and this system is neither" && return; }
    [ -z "$missing" ] || { skip ARM "packages are missing (apt-get install --no-install-recommends$missing)" && return; }
    [ -e "$build/system.complete" ] || { echo "ARM: unpacking packages for arm64" && unpack_system; } || return 0

    echo "ARM: building"
    PKG_CONFIG_SYSROOT_DIR=$system \
        PKG_CONFIG_LIBDIR=$libraries/$cross/pkgconfig:$libraries/pkgconfig:$system/usr/share/pkgconfig quietly cmake -S "$source" -B "$build" -DBUILD_TESTING=ON -DCMAKE_SYSTEM_NAME=Linux -DCMAKE_SYSTEM_PROCESSOR=aarch64 \
        -DCMAKE_C_COMPILER=$cross-gcc -DCMAKE_SYSROOT="$system" -DCMAKE_CROSSCOMPILING_EMULATOR="$qemu;-L;$system" \
        -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
        -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_PACKAGE=ONLY || return 0
    # shellcheck disable=SC2046,SC2086  # lists of words, here and below
    quietly cmake --build "$build" -j "${JOBS:-$(nproc)}" --target cifra $(printf ' test_%s' $tests) || return 0
    ! grep 'warning: ' "$work/log" || bad "ARM: warnings"
    compare_data ARM "$qemu" -L "$system" "$build/cifra"
    compare_training ARM "$qemu" -L "$system" "$build/cifra"
    # shellcheck disable=SC2086
    ctest --test-dir "$build" -R "^test_($(echo $tests | tr ' ' '|'))\$" --output-on-failure --no-tests=error ||
        bad "ARM: tests"
}

old_x86
arm
[ -z "$failed" ] || exit 1
[ -z "$skipped" ] || exit 77
