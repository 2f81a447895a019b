#!/usr/bin/env bash
# What generated data are for: a network that has never seen a real image reads real ones. A quick training, and bounds that only a
# broken generator misses; docs/generated-data.md has what a long one reaches.
data=${CIFRA_DATA:-/nonexistent}
. "$(dirname "$0")/checks.sh"

reads() { # reads WHAT SET TRAIN-OPTIONS REAL PERCENT
    local what=$1 set=$2 options=$3 real=$4 least=$5 got
    # shellcheck disable=SC2086  # a list of words
    "$CIFRA" train --data "$set" $options --optimizer adam --lr 0.002 --schedule one-cycle --patience 0 --out "run-$set" \
        --quiet >train.txt 2>&1 || bad "$what: $(tail -1 train.txt)"
    got=$("$CIFRA" eval "run-$set" --data "$real" --split all --json --quiet | sed -n 's/^  "accuracy": \([0-9.]*\).*/\1/p')
    echo "$what: $got"
    check "$what at least $least" awk "BEGIN { exit !($got >= $least) }"
}

if [ -r "$data/mnist" ]; then
    reads "MNIST, from 8,000 of hand" hand "-n 8000 --epochs 2" "$data/mnist" 0.85
else
    echo "SKIPPED: real MNIST read by a network trained on hand (no mnist in \$CIFRA_DATA)"
    ok
fi
if [ -r "$data/svhn-sample/real7000_32x32.mat" ]; then
    reads "7,000 of SVHN, from 8,000 of street" street "-n 8000 --epochs 3" "$data/svhn-sample/real7000_32x32.mat" 0.55
else
    echo "SKIPPED: real SVHN digits read by a network trained on street (no svhn-sample in \$CIFRA_DATA)"
    ok
fi
finish
