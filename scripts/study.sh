#!/usr/bin/env bash
# Until the whole study exists: trains and evaluates the study's network on the sets that are found in the data directory.
# Usage: scripts/study.sh PROGRAM [EPOCHS]      $CIFRA_DATA: the data directory
set -euo pipefail
program=$1
epochs=${2:-3}

echo "Data sets (the data directory is \$CIFRA_DATA, else ~/.cache/cifra):"
"$program" data list
sets=$("$program" data list --json | sed -n 's/^ *"name": "\(.*\)",*$/\1/p; s/^ *"found": \(true\|false\),*$/\1/p' |
    paste - - | awk -F '\t' '$2 == "true" { print $1 }')
if [ -z "$sets" ]; then
    cat <<'END'

No data set was found. Put MNIST's four files (train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz,
t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz) into ~/.cache/cifra/mnist, or SVHN's train_32x32.mat and
test_32x32.mat into ~/.cache/cifra/svhn, or set CIFRA_DATA to the folder above such folders; then run this again.
END
    exit 1
fi
for set in $sets; do
    printf '\n== %s ==\n' "$set"
    out=runs/study-$set
    rm -rf "$out"
    "$program" train --data "$set" --epochs "$epochs" --out "$out"
done
printf '\nResults are in:\n'
for set in $sets; do echo "  runs/study-$set"; done
