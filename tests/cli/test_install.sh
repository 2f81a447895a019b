#!/usr/bin/env bash
# Installs into an empty prefix and uses what lies there as a stranger would: builds the example that opens cifra.h, shared
# and static, with pkg-config alone, and runs it.
set -euo pipefail

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# The one file of that name below a folder, which must not be empty.
installed() {
    local found
    found=$(find "$1" -name "$2" ! -type d)
    [ -n "$found" ] || fail "$2 was not installed below $1"
    [ -s "$found" ] || fail "$found is empty"
    echo "$found"
}

check_tree() {
    local file
    for file in cifra libcifra.a libcifra.so cifra.h cifra.pc cifra.1; do
        installed "$1" "$file" > "$scratch/$file.path"
    done
    [ -x "$(cat "$scratch/cifra.path")" ] || fail "the program cannot be executed"
}

# Twelve images of each class, each class of one brightness: enough to train on, where MNIST is not at hand.
make_tiny_mnist() {
    local folder=$1 part count label image
    mkdir -p "$folder"
    for part in train t10k; do
        count=120
        printf '\0\0\10\3\0\0\0\170\0\0\0\34\0\0\0\34' > "$folder/$part-images-idx3-ubyte"
        printf '\0\0\10\1\0\0\0\170' > "$folder/$part-labels-idx1-ubyte"
        for ((image = 0; image < count; image++)); do
            label=$((image % 10))
            head -c 784 /dev/zero | tr '\0' "\\$(printf %03o $((label * 25 + 5)))" >> "$folder/$part-images-idx3-ubyte"
            printf '%b' "\\0$(printf %03o $label)" >> "$folder/$part-labels-idx1-ubyte"
        done
    done
}

# ---- Both ways to install -------------------------------------------------------------------------------------

cmake --install "$CIFRA_BUILD" --prefix "$scratch/usr" > "$scratch/install.log" || fail "$(cat "$scratch/install.log")"
DESTDIR="$scratch/stage" cmake --install "$CIFRA_BUILD" > "$scratch/install.log" || fail "$(cat "$scratch/install.log")"
check_tree "$scratch/stage"
check_tree "$scratch/usr"
[[ "$("$(cat "$scratch/cifra.path")" --version)" =~ [0-9] ]] || fail "cifra --version tells no version"

header=$(cat "$scratch/cifra.h.path")
libraries=$(dirname "$(cat "$scratch/libcifra.so.path")")
PKG_CONFIG_PATH=$(dirname "$(cat "$scratch/cifra.pc.path")")
export PKG_CONFIG_PATH

# ---- The header and the shared library's face -----------------------------------------------------------------

echo '#include <cifra.h>' > "$scratch/alone.c"
# shellcheck disable=SC2046  # pkg-config prints words
"$CC" -std=c99 -Wall -Wextra -pedantic -Werror -fsyntax-only $(pkg-config --cflags cifra) "$scratch/alone.c"
if command -v c++ > /dev/null; then
    # shellcheck disable=SC2046
    c++ -x c++ -Wall -Wextra -Werror -fsyntax-only $(pkg-config --cflags cifra) "$scratch/alone.c"
else
    echo "SKIPPED: the header in C++ (no c++)"
fi
# A name that begins with a dot is the compiler's own (an OpenMP lock).
foreign=$(nm -D --defined-only "$(cat "$scratch/libcifra.so.path")" | awk '{print $3}' | grep -v '^cf_\|^\.' || true)
[ -z "$foreign" ] || fail "libcifra.so shows names that do not begin with cf_: $foreign"

# ---- The opening example, shared ------------------------------------------------------------------------------

sed -n '/^ \*     #include <cifra.h>/,/^ \*     }$/s/^ \*     \{0,1\}//p' "$header" | sed 's/^    //' > "$scratch/first.c"
grep -q 'int main' "$scratch/first.c" || fail "the example was not found in $header"
cd "$scratch"
# shellcheck disable=SC2046
"$CC" -Wall -Wextra -Werror first.c $(pkg-config --cflags --libs cifra) -o first
if [ ! -d "${CIFRA_DATA:-/nonexistent}/mnist" ]; then
    echo "no MNIST in \$CIFRA_DATA: a tiny set stands in for it"
    make_tiny_mnist "$scratch/data/mnist"
    export CIFRA_DATA=$scratch/data
fi
# Into a file first: grep -q would leave the pipe early, and pipefail call that a failure of ldd.
LD_LIBRARY_PATH=$libraries ldd first > needed
grep -q "libcifra.so.* => $libraries/" needed || fail "first does not use the shared library"
LD_LIBRARY_PATH=$libraries ./first > first.out || fail "the opening example failed"
grep -Eq '^accuracy [01]\.[0-9]{4}$' first.out || fail "the opening example printed: $(cat first.out)"
[ -s digits.safetensors ] || fail "the opening example saved no weights"
echo "the opening example: $(cat first.out)"

# ---- A program of one's own, static ---------------------------------------------------------------------------

cat > version.c <<'END'
#include <cifra.h>
#include <stdio.h>

int main(void) {
    cf_model *net = NULL;
    puts(cf_version());
    return cf_model_load("digits.safetensors", &net) ? puts(cf_error()), 1 : (cf_model_free(net), 0);
}
END
# shellcheck disable=SC2046
"$CC" -Wall -Wextra -Werror version.c $(pkg-config --static --cflags --libs cifra | sed 's/-lcifra/-l:libcifra.a/') -o version
ldd version > needed
if grep -q libcifra needed; then fail "the static program needs libcifra.so"; fi
./version > version.out || fail "the static program failed: $(cat version.out)"
[ "$(cat version.out)" = "$(pkg-config --modversion cifra)" ] || fail "version $(cat version.out) is not the one of cifra.pc"
echo "installed, built against, run: $(cat version.out)"
