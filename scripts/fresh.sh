#!/usr/bin/env bash
# Runs README's commands on a bare Debian: a new folder by debootstrap, the committed tree in it, nothing else.
# Usage: scripts/fresh.sh [bookworm|trixie] [--build|--study|--check] [--keep] [--base FILE] [DIR]
#   --build     make, and a tiny training;  --study: make study;  --check: make check;  without one: study, then check
#   --keep      the folder stays; it is removed otherwise (it takes about 1 GB, with --check 2 GB)
#   --base      an archive of the bare system: made where it is not there yet, used where it is
#   DIR         a new or empty folder; one in $TMPDIR, or else /var/tmp, without it
# Exit status: 0 done, 1 a command failed, 2 wrong usage, 77 skipped (the reason is printed): no root, no debootstrap, no mirror.
# The mirror and how to reach it (proxy, keys) are those of apt here, so this system is a Debian, too.
# Mounts are made in a name space of their own: they are gone with its last process, however that ends.
set -euo pipefail

source=$(cd "$(dirname "$0")/.." && pwd)
usage() {
    sed -n '3,7s/^# //p' "$0" >&2
    exit 2
}
skip() {
    echo "SKIPPED: a fresh $suite: $*"
    exit 77
}
say() { echo "fresh $suite: $*"; }
quietly() { # quietly COMMAND...: what it prints is shown if it fails, which ends all
    local told
    told=$("$@" 2>&1) || {
        printf '%s\n' "$told" >&2
        echo "fresh.sh: failed: $*" >&2
        exit 1
    }
}

# Where apt here finds Debian's archive, its updates and its security: an address and what follows the suite's name there, one a line.
apt_sources() {
    local codename kind component release uri
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME-}")
    # shellcheck disable=SC2016  # apt's own variables
    apt-get indextargets --format '$(TARGET_OF) $(COMPONENT) $(RELEASE) $(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
        while read -r kind component release uri; do
            [ "$kind $component" = "deb main" ] || continue
            case $release in
            "$codename" | stable | oldstable) echo "$uri" ;;
            "$codename"-updates | stable-updates | oldstable-updates) echo "$uri -updates" ;;
            "$codename"-security | stable-security | oldstable-security) echo "$uri -security" ;;
            esac
        done | sort -u
}
mirror() { apt_sources | awk 'NF == 1 { print $1; exit }'; }

# ---- Within the name spaces: fresh.sh --inside DIR SUITE BASE TARGET... (of make; "": none) ----

bare_system() {
    local mirror include=()
    if [ -n "$base" ] && [ -e "$base" ]; then
        say "unpacking $base"
        quietly tar -C "$dir" --numeric-owner -xpf "$base"
        return
    fi
    mirror=$(mirror)
    [[ $mirror != https:* ]] || include=(--include=ca-certificates)
    say "debootstrap from $mirror"
    quietly debootstrap --variant=minbase "${include[@]}" "$suite" "$dir" "$mirror"
    [ -n "$base" ] || return 0
    quietly tar -C "$dir" --numeric-owner -cpf "$base.part" .
    mv "$base.part" "$base"
}

# apt in there as it is here: sources of the suite, proxies and other settings of transfers, authorities of TLS.
settings_of_apt() {
    apt_sources | while read -r uri part; do
        echo "deb $uri $suite$part main"
    done >"$dir/etc/apt/sources.list"
    apt-config dump | grep -iE '^Acquire::(http|https|ftp|Retries|ForceIPv[46]|Check-Date|Check-Valid-Until)\b' \
        >"$dir/etc/apt/apt.conf.d/90here" || true
    printf '%s\n' 'Acquire::Retries "3";' 'Acquire::Languages "none";' >>"$dir/etc/apt/apt.conf.d/90here"
    mkdir -p "$dir/etc/ssl/certs"
    [ ! -e /etc/ssl/certs/ca-certificates.crt ] || cp -L /etc/ssl/certs/ca-certificates.crt "$dir/etc/ssl/certs/"
    cp -L /etc/resolv.conf /etc/hosts "$dir/etc/" 2>/dev/null || true
}

mounts() {
    mount -t proc proc "$dir/proc"
    mount -t sysfs -o ro sysfs "$dir/sys"
    mkdir -p "$dir/dev/pts" "$dir/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$dir/dev/pts"
    mount -t tmpfs -o mode=1777 tmpfs "$dir/dev/shm"
}

# in_there COMMAND...: in the new system, in the tree, with nothing of this shell's environment but proxies.
in_there() {
    local name environment=(PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive)
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
        [ -z "${!name-}" ] || environment+=("$name=${!name}")
    done
    chroot "$dir" env -i "${environment[@]}" sh -c 'cd /root/cifra && exec "$@"' sh "$@"
}

inside() {
    dir=$1 suite=$2 base=$3
    shift 3
    bare_system
    settings_of_apt
    mounts
    mkdir -p "$dir/root/cifra"
    git -c safe.directory="$source" -C "$source" archive HEAD | tar -C "$dir/root/cifra" -xf -
    say "apt-get install make"
    quietly in_there apt-get update
    quietly in_there apt-get install -y --no-install-recommends make
    local target begin
    for target; do
        begin=$SECONDS
        say "make${target:+ $target}"
        in_there make ${target:+"$target"}
        [ -n "$target" ] || in_there build/cifra train --data hand -n 300 --epochs 1 --figures none --out /root/run
        say "make${target:+ $target} took $((SECONDS - begin)) s"
    done
}

if [ "${1-}" = --inside ]; then
    shift
    inside "$@"
    exit
fi

# ---- Outside ----

suite=bookworm targets=(study check) keep='' base='' dir=''
while [ $# -gt 0 ]; do
    case $1 in
    bookworm | trixie) suite=$1 ;;
    --build) targets=("") ;;
    --study | --check) targets=("${1#--}") ;;
    --keep) keep=yes ;;
    --base)
        [ $# -gt 1 ] || usage
        base=$(realpath -m "$2")
        shift
        ;;
    -*) usage ;;
    *)
        [ -z "$dir" ] || usage
        dir=$(realpath -m "$1")
        ;;
    esac
    shift
done
if [ -n "$dir" ] && [ -n "$(ls -A "$dir" 2>/dev/null)" ]; then
    echo "fresh.sh: $dir is not an empty folder" >&2
    exit 2
fi

[ "$(id -u)" = 0 ] || skip "root is needed"
command -v debootstrap >/dev/null || skip "there is no debootstrap (apt-get install debootstrap)"
unshare --mount --pid --fork true 2>/dev/null || skip "no folder may be mounted here (unshare fails)"
git -c safe.directory="$source" -C "$source" rev-parse -q --verify HEAD >/dev/null || skip "$source is no clone of git"
mirror=$(mirror)
[ -n "$mirror" ] || skip "apt here has no source of a Debian"
probe=$(mktemp)
told=$(/usr/lib/apt/apt-helper download-file "${mirror%/}/dists/$suite/Release" "$probe" 2>&1) || told="E: ${told##*E: }"
rm -f "$probe"
[[ $told != E:* ]] || skip "$mirror has no $suite, or cannot be reached: ${told#E: }"

[ -z "$(git -c safe.directory="$source" -C "$source" status --porcelain)" ] ||
    say "what is not committed is not in it"
if [ -z "$dir" ]; then
    dir=$(mktemp -d "${TMPDIR:-/var/tmp}/cifra-$suite.XXXXXX")
else
    mkdir -p "$dir"
fi
chmod 755 "$dir"

child=''
clean_up() {
    # With it, all ends that runs in there, and every mount.
    [ -z "$child" ] || { kill -KILL "$child" && wait "$child"; } 2>/dev/null || true
    [ -z "$keep" ] || return 0
    # A process that is still ending may write for a moment.
    rm -rf --one-file-system "$dir" 2>/dev/null || { sleep 1 && rm -rf --one-file-system "$dir"; }
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
{ mknod "$dir/null" c 1 3 && : >"$dir/null"; } 2>/dev/null || skip "no devices may be made in $dir"
rm "$dir/null"

say "in $dir"
unshare --mount --pid --fork --kill-child --propagation private \
    "$BASH" "$0" --inside "$dir" "$suite" "$base" "${targets[@]}" </dev/null &
child=$!
status=0
wait "$child" || status=$?
child=''
[ -z "$keep" ] || say "kept: $dir"
[ "$status" = 0 ] || { echo "fresh.sh: failed on a fresh $suite" >&2 && exit 1; }
