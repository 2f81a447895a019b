#!/usr/bin/env bash
# exported_c.sh BUILD [COUNT]: networks as C against the reference engine and against their own integers, to the bit, over COUNT (10,000)
# images: gcc and clang, -O0 and -O3, in C99 and in their own C, with the processor's own multiply-adds; ARM (aarch64) under qemu-user;
# and on a Cortex-M4 under qemu-system-arm, with its sizes. What a missing tool leaves out is said. Exit status as the tests'.
build=$(realpath "${1:?the folder of a build with its tests}") count=${2:-10000}
CIFRA=$build/cifra MAKE_SET=none
tests=$(realpath "$(dirname "$0")/..")
. "$tests/cli/checks.sh"
answers=$build/tests/c_answers
[ -x "$answers" ] || { echo "exported_c.sh: $answers is not there: make check builds it" >&2 && exit 2; }
warnings=(-Wall -Wextra -Wconversion -pedantic -Werror)
there() { # there TOOL WHAT: says what is skipped without it
    command -v "$1" >/dev/null || { echo "SKIPPED: $2 (there is no $1: scripts/install-deps.sh long)" && return 1; }
}

# over NET BINARY COMMAND...: the images through a program
over() {
    local net=$1 what=$2
    shift 2
    "$@" <"$net.images" >got || bad "$what"
    check "$what: the bits of $count images" cmp got "$net.answers"
}
driver() { # driver NET: how the program over images is compiled
    echo "-DHEADER=\"$1.h\" -DPREDICT=$1_predict -DSIZE=784 -DCLASSES=10 -I$1 $tests/export/c_answers_of.c $1/$1.c"
}

on_this_machine() { # on_this_machine NET
    local net=$1 cc flags
    for cc in gcc clang; do
        there $cc "$net with $cc" || continue
        for flags in "-std=c99 -O0" "-std=c99 -O3" "-O3 -march=native" "-O2 -ffp-contract=fast"; do
            # clang's own switch would overrule the source's pragma: it is for gcc, whose default it is.
            [ "$cc $flags" = "clang -O2 -ffp-contract=fast" ] && continue
            # shellcheck disable=SC2046,SC2086  # lists of words
            check "$cc $flags compiles $net" $cc $flags "${warnings[@]}" $(driver "$net") -lm -o program
            over "$net" "$net, $cc $flags" ./program
        done
    done
}

on_aarch64() { # on_aarch64 NET
    local net=$1 flags
    { there aarch64-linux-gnu-gcc "$net on ARM" && there qemu-aarch64 "$net on ARM"; } || return 0
    for flags in "-std=c99 -O3" "-O3"; do
        # shellcheck disable=SC2046,SC2086
        check "aarch64 $flags compiles $net" aarch64-linux-gnu-gcc $flags "${warnings[@]}" -static $(driver "$net") -lm -o program
        over "$net" "$net, aarch64 $flags" qemu-aarch64 ./program
    done
}

on_cortex_m4() { # on_cortex_m4 NET: the test that came with it
    local net=$1 m4=(-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -O2) text bss constants arena
    { there arm-none-eabi-gcc "$net on a Cortex-M4" && there qemu-system-arm "$net on a Cortex-M4"; } || return 0
    check "a Cortex-M4's compiler takes $net" arm-none-eabi-gcc "${m4[@]}" -std=c99 "${warnings[@]}" -ffunction-sections -fdata-sections \
        -c "$net/$net.c" -o "$net.o"
    check "$net is linked" arm-none-eabi-gcc "${m4[@]}" --specs=rdimon.specs -T "$tests/export/cortex_m4.ld" "$net.o" \
        "$net/${net}_test.c" "$tests/export/cortex_m4.c" -Wl,--gc-sections,-Map="$net.map" -lm -o "$net.elf"
    timeout 600 qemu-system-arm -M mps2-an386 -nographic -semihosting-config enable=on,target=native -kernel "$net.elf" \
        </dev/null >"$net.log" 2>&1 || bad "$net on a Cortex-M4: $(tail -3 "$net.log")"
    check "$net on a Cortex-M4 answers as here" grep -q '^10 of 10 answers as expected' "$net.log"
    # What the map has of its object: code and constants; and the arena.
    text=$(size_in_map "$net" '\.(text|rodata)') bss=$(size_in_map "$net" '\.bss')
    constants=$(sed -n 's/^#define [A-Z0-9_]*_CONSTANT_BYTES \([0-9]*\).*/\1/p' "$net/$net.h")
    arena=$(sed -n 's/^#define [A-Z0-9_]*_ARENA_BYTES \([0-9]*\).*/\1/p' "$net/$net.h")
    echo "$net on a Cortex-M4: flash $text bytes, of which constants $constants; RAM $bss bytes, of which the arena $arena"
    check "$net: flash is the constants and a little code" [ "$text" -ge "$constants" -a "$text" -le $((constants + 8192)) ]
    check "$net: RAM is the arena" [ "$bss" -ge "$arena" -a "$bss" -le $((arena + 16)) ]
}
size_in_map() { # size_in_map NET SECTIONS: bytes of its object that are in the program (those left out have address 0)
    awk -v object="$1.o" -v sections="^ $2" '
        $0 ~ sections && NF == 1 { getline rest; $0 = $0 " " rest }
        $0 ~ sections && $2 != "0x0000000000000000" && $2 != "0x00000000" && $4 == object { print $3 }' "$1.map" |
        { total=0; while read -r size; do total=$((total + size)); done; echo $total; }
}

network() { # network NET FORMAT LINE: trained, exported, answered here
    local net=$1 format=$2 line=$3 precision=f32
    [ "$format" = c-int8 ] && precision=int8
    "$CIFRA" train --data "hand:n=2000,test=$count" --model "$line" --epochs 6 --optimizer adam --lr 0.01 --out "run-$net" --figures none --quiet \
        >/dev/null || bad "the training of $net"
    "$CIFRA" export "run-$net" "$net" --to "$format" >/dev/null || bad "the export of $net"
    "$answers" "run-$net" $precision 0 "$net.images" "$net.answers" >"$net.said" || bad "the answers to $net"
    echo "$net: $(cat "$net.said")"
    on_this_machine "$net"
    on_aarch64 "$net"
    on_cortex_m4 "$net"
}
network layers c "conv 8 3x3 stride 2 | bn | silu | res( conv 8 3x3 groups 2 | groupnorm 2 | gelu | se 2 ) | maxpool 3x3 stride 2 pad 1 | \
res( layernorm | attention 2 ) | dwconv 3x3 | bn | hardswish | avgpool 2 | dense 24 | leakyrelu | dense classes"
network small c "conv 8 3x3 | bn | relu | maxpool 2 | conv 12 3x3 | bn | relu | maxpool 2 | dense classes"
network integers c-int8 "conv 8 3x3 | bn | relu | maxpool 2 | res( dwconv 3x3 | bn | relu6 | conv 8 1x1 | bn ) | relu | \
conv 16 3x3 stride 2 | bn | relu | globalavgpool | dense classes"
network tables c-int8 "conv 8 3x3 stride 2 | bn | silu as a | dwconv 3x3 | bn | hardswish | se 4 | conv 8 1x1 | leakyrelu | concat a | relu | \
maxpool 2 | conv 16 3x3 | gelu | res( conv 16 1x1 | sigmoid ) | globalavgpool | dense classes"
finish
