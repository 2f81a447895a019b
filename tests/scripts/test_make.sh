#!/usr/bin/env bash
# The Makefile's order, with stand-ins for what it calls: packages come before CMake, a configure that failed is done again, and what
# is skipped passes.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cli/checks.sh"
mkdir -p scripts bin
cp "$here/../../Makefile" .
cat >scripts/install-deps.sh <<'E2'
#!/bin/sh
sleep 0.2
echo packages >>log
E2
# A cache is written first, as CMake does; whether the rest comes, the test says.
cat >bin/cmake <<'E2'
#!/bin/sh
if [ "$1" = -S ]; then
    echo configure >>log
    mkdir -p build && : >build/CMakeCache.txt
    [ ! -e broken ] || exit 1
    : >build/cmake_install.cmake
else
    echo "$1" >>log
fi
E2
chmod +x scripts/install-deps.sh bin/cmake
export PATH=$work/bin:$PATH
unset MAKEFLAGS MFLAGS MAKELEVEL # this may run below a make

make -j4 >/dev/null 2>&1
same "packages, then configure, then build" "$(tr '\n' ' ' <log)" "packages configure --build "
: >log
make -j4 >/dev/null 2>&1
same "what is configured stays so" "$(tr '\n' ' ' <log)" "packages --build "
rm -r log build
: >broken
check "a failed configure fails" test "$(make -j4 >/dev/null 2>&1; echo $?)" = 2
rm broken
: >log
make -j4 >/dev/null 2>&1
same "it is done again" "$(tr '\n' ' ' <log)" "packages configure --build "

# A check that steps aside is no failure; one that fails is.
for status in 0 77 1; do
    printf '#!/bin/sh\nexit %s\n' $status >scripts/other-processors.sh
    chmod +x scripts/other-processors.sh
    make check-processors >/dev/null 2>&1
    same "make, where the emulated check exits with $status" $? "$([ $status = 1 ] && echo 2 || echo 0)"
done
finish
