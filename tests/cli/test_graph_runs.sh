#!/usr/bin/env bash
# A residual and an attention network: the same weights at 1, 2, 3 and 8 threads, killed and resumed, in float32 and bfloat16.
. "$(dirname "$0")/checks.sh"
residual="conv 8 3x3 | bn | relu | res( conv 12 3x3 stride 2 | bn | relu | conv 12 3x3 | bn ) | relu | res( dwconv 3x3 | bn | silu | se 3 | dropout 0.1 ) | globalavgpool | dense classes"
attention="patch 7 12 | position | 2x( res( layernorm | attention 3 | droppath 0.1 ) | res( layernorm | conv 24 1x1 | gelu | conv 12 1x1 ) ) | layernorm | globalavgpool | dense classes"

weights() { sha256sum "$1/model.safetensors" | cut -d' ' -f1; }
# train LINE PRECISION THREADS OUT [MORE..]
train() {
    "$CIFRA" train --data hand:n=1500,test=100 --model "$1" --precision "$2" --threads "$3" --out "$4" --epochs 3 --seed 5 \
        --figures none --quiet "${@:5}" >/dev/null 2>>errors
}

for network in residual attention; do
    for precision in f32 bf16; do
        at=$network-$precision
        train "${!network}" $precision 1 $at-1 || bad "$at: training"
        for threads in 2 3 8; do
            train "${!network}" $precision $threads $at-$threads
            same "$at at $threads threads" "$(weights $at-$threads)" "$(weights $at-1)"
        done
        killed=0
        for try in 1 2 3 4 5 6; do
            (timeout -s KILL 0.$((try * 13)) "$CIFRA" train --data hand:n=1500,test=100 --model "${!network}" \
                --precision $precision --threads 2 --out $at-killed --epochs 3 --seed 5 --figures none --quiet >/dev/null 2>&1) 2>/dev/null
            [ -e $at-killed/checkpoint.safetensors ] && killed=1 && break
            rm -rf $at-killed
        done
        [ $killed = 1 ] || echo "note: $at ended before it had a checkpoint to be killed with"
        "$CIFRA" train --resume --out $at-killed --threads 3 --figures none --quiet >/dev/null 2>>errors ||
            train "${!network}" $precision 2 $at-killed
        same "$at killed and resumed" "$(weights $at-killed)" "$(weights $at-1)"
    done
done
finish
