#!/usr/bin/env bash
# What scripts/other-processors.sh refuses, when it steps aside, and that it tells other data and other losses; the long check runs it.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cli/checks.sh"
script=$here/../../scripts/other-processors.sh
refuses 2 "Usage: scripts/other-processors.sh" bash "$script" one
refuses 2 "build/cifra is not there" bash "$script" build new

# Stand-ins: a program, and emulators; a file `other` changes what is said there.
mkdir tools build
for tool in bash dirname realpath sed awk paste mktemp rm cat; do ln -s "$(command -v $tool)" tools/; done
printf '#!/bin/sh\necho x86_64\n' >tools/uname
cat >build/cifra <<'E2'
#!/bin/sh
value=1.5000 engine="oneDNN, baseline kernels"
[ -z "$THERE" ] || [ ! -e other ] || value=1.5020
case "$*" in *reference*) engine="reference (plain C)" ;; esac
case $1 in
data) echo "  sha256   $3 $value" ;;
train)
    echo "engine  $engine"
    for epoch in 1 2; do echo "epoch $epoch/2  loss 2.0000  accuracy 9.00 %  validation: loss $value  accuracy 10.00 %"; done
    echo "accuracy 24.00 % (95 % interval), loss 2.1922"
    ;;
esac
E2
chmod +x tools/uname build/cifra
run() { PATH=$work/tools "$BASH" "$script" build new >out.txt 2>err.txt; }
run
same "the exit status of a skip" $? 77
check "its reasons: $(cat out.txt err.txt)" grep -q "^SKIPPED: x86-64 without AVX2: there is no qemu-x86_64" out.txt
check "those of ARM" grep -q "^SKIPPED: ARM: its packages are Debian's or Ubuntu's" out.txt
printf '#!/bin/sh\n' >tools/dpkg-deb
chmod +x tools/dpkg-deb
run
check "those of ARM on a Debian" grep -q "^SKIPPED: ARM: packages are missing (apt-get install .* gcc-aarch64-linux-gnu qemu-user)" out.txt
check "no folder is made" test ! -e new

printf '#!/bin/sh\nshift 2\nTHERE=yes exec "$@"\n' >tools/qemu-x86_64-static
chmod +x tools/qemu-x86_64-static
run
same "the same numbers pass, ARM is skipped" "$?:$(grep -c FAILED out.txt)" "77:0"
same "sets and engines" "$(grep -c '^x86-64 without AVX2: ' out.txt)" 6
: >other
run
same "other numbers fail" "$?:$(grep -c '^FAILED: x86-64' out.txt)" "1:6"
printf '#!/bin/sh\nexit 1\n' >build/cifra
run
same "so does a program that does not run at all" "$?:$(grep -c '^FAILED: x86-64' out.txt)" "1:6"
finish
