#!/usr/bin/env bash
# cifra bench ops from outside: text, JSON, exit status.
. "$(dirname "$0")/../cli/checks.sh"

conv="conv 2x3x7x6 5 3x3 stride 1 pad 1"
# Everything that a script may rely on is there.
"$CIFRA" bench ops --case "$conv backward-weights" --precision f32 --threads 1 --seconds 0.001 --json --quiet >one.json
same "exit status" $? 0
for key in peak_gflops f32 bf16 bandwidth_gb_s ops precision threads microseconds gflops share_of_peak; do
    check "key $key" grep -q "\"$key\": " one.json
done
check "its case" grep -q "\"case\": \"$conv backward-weights\"" one.json
check "its residual" grep -q '"residual": 0.0' one.json
check "it passed" grep -q '"passed": true' one.json

# All passes of a block, and the lines that repeat them.
"$CIFRA" bench ops --case "block 2x5x6x6 pool 2 slope 0.5" --precision f32 --threads 2 --seconds 0.001 --lines >block.txt
same "exit status" $? 0
same "passes" "$(grep -c 'PASS$' block.txt)" 4
line=$(grep -o 'cifra bench ops --case .*' block.txt | head -1)
check "the line repeats the case" bash -c "${line/cifra/\"$CIFRA\"} --threads 1 --seconds 0.001 | grep -q 'moments.*PASS'"

# All passes of a stem, of which moments have no operations to count.
stem="stem 2x2x7x6 5 3x3 pad 1 pool 2 slope 0.5"
"$CIFRA" bench ops --case "$stem" --precision f32 --threads 2 --seconds 0.001 >stem.txt
same "exit status" $? 0
same "passes" "$(grep -c 'PASS$' stem.txt)" 3
check "moments in bytes" grep -q 'moments .* GB/s' stem.txt
same "others in operations" "$(grep -c 'GFLOP/s .* PASS$' stem.txt)" 2
"$CIFRA" bench ops --case "$stem moments" --precision f32 --threads 1 --seconds 0.001 --json --quiet >stem.json
same "exit status" $? 0
check "no operations in JSON" grep -q '"gflops": null' stem.json
check "bytes in JSON" grep -q '"gb_s": [0-9]' stem.json

refuses 2 'did you mean conv?' "$CIFRA" bench ops --case "cnov 1x1x1x1 1 1x1"
refuses 2 'conv has no pass "sums"' "$CIFRA" bench ops --case "$conv sums"
refuses 2 'more than the engine takes' "$CIFRA" bench ops --case "stem 1x1x12x12 4 3x3 pool 3"
CIFRA_ISA=avx2 refuses 2 'no bfloat16' "$CIFRA" bench ops --case "$conv" --precision bf16
finish
