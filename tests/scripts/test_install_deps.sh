#!/usr/bin/env bash
# What scripts/install-deps.sh installs or says to install with each system's tools; stand-ins have their place, and nothing is installed.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cli/checks.sh"
script=$here/../../scripts/install-deps.sh
refuses 2 "build, check or long expected, found all" bash "$script" all
refuses 2 "debian, fedora or arch expected, found suse" bash "$script" --list suse

# system NAME TOOL...: a PATH with that system's tools. `have` lists what is installed, `known` what apt knows; `log` is what was run.
system() {
    mkdir -p "$1"
    local tool
    for tool in bash awk sed paste id grep; do ln -sf "$(command -v $tool)" "$1/$tool"; done
    for tool in "${@:2}"; do printf '#!/bin/sh\n%s\n' "$(tool_"$tool")" >"$1/$tool" && chmod +x "$1/$tool"; done
}
tool_dpkg-query() { echo 'for name; do :; done; grep -qx "$name" have && echo installed'; }
tool_apt-cache() { echo 'grep -qx "$2" known'; }
tool_apt-get() { echo 'echo "apt-get $*" >>log; for name; do case $name in -*|install|update) ;; *) grep -qx "$name" known || exit 100; esac; done'; }
tool_sudo() { echo 'exec "$@"'; }
tool_dnf() { echo 'echo "dnf $*" >>log'; }
tool_rpm() { echo 'grep -qx "$3" have'; }
tool_pacman() { echo '[ "$1" = -T ] || echo "pacman $*" >>log; grep -qx "$2" have'; }
deps() { # deps NAME [LEVEL]: with the tools of that system; what it says in `said`, the commands in `log`
    : >log
    PATH=$work/$1 bash "$script" "${@:2}" >said 2>&1
}
system debian dpkg-query apt-cache apt-get sudo
system fedora dnf rpm
system arch pacman
system other

# Ubuntu has another libjpeg, and no Chromium; from what is there, nothing is to be done.
bash "$script" long --list debian >names
sed 's/^libjpeg-dev$/libjpeg-turbo8-dev/; s/^pkg-config$/pkgconf/' names >have
sed 's/^libjpeg-dev$/libjpeg-turbo8-dev\nlibjpeg-dev/' names >known
deps debian long
same "an Ubuntu with all" "$?:$(cat log)" "0:"
check "without Chromium, which is told: $(cat said)" grep -q "apt has no chromium here" said
: >have
deps debian
same "an Ubuntu with nothing" $? 0
check "all is installed at once" test "$(grep -c '^apt-get install' log)" = 1
for name in gcc libdnnl-dev libjpeg-dev pkg-config; do check "$name is among it" grep -q " $name\b" log; done
check "no package of the tests" test "$(grep -c cmocka log)" = 0
# Debian's libjpeg, and the Chromium that is there to be had.
sed 's/^libjpeg-dev$/libjpeg62-turbo-dev/; /^libcmocka-dev$/d' names >have
echo chromium >>known
deps debian check
same "a Debian that lacks two packages" "$?:$(sed 's/.*recommends//' log | paste -sd ';')" "0: libcmocka-dev; chromium"

# The others are told.
bash "$script" check --list fedora | sed '/^onednn-devel$/d' >have
deps fedora check
same "a Fedora that lacks oneDNN" "$?:$(cat log)" "0:"
check "is told so: $(cat said)" grep -qx ".*as root: dnf install onednn-devel" said
check "and of Chromium" grep -qx ".*skipped without it: dnf install chromium" said
bash "$script" check --list arch | sed '/^libyaml$/d; /^cmocka$/d' >have
deps arch check
same "an Arch that lacks two" "$?:$(cat log)" "0:"
check "is told so: $(cat said)" grep -qx ".*as root: pacman -S --needed libyaml cmocka" said
bash "$script" --list arch >have
deps arch
same "an Arch with all has nothing to be told" "$?:$(cat said)" "0:"
deps other
same "a system of another kind" $? 0
check "is told Debian's names: $(cat said)" grep -q "no apt-get, dnf or pacman here.*libdnnl-dev.*fonts-dejavu-core\b" said

# Every level has its names with every system.
for list in debian fedora arch; do
    for level in build check long; do bash "$script" $level --list $list | sort >$list.$level; done
    check "$list: what compiles is part of what tests" test -z "$(comm -23 $list.build $list.check)"
    check "and that of the long checks" test -z "$(comm -23 $list.check $list.long)"
    check "each has something" test "$(sort -u $list.build $list.check $list.long | wc -l)" -gt 25
done
finish
