#!/usr/bin/env bash
# Until the whole study exists: trains and evaluates the study's network on the generated sets and on the real ones that are
# found in the data directory, and draws samples of each.
# Usage: scripts/study.sh PROGRAM [EPOCHS]      $CIFRA_DATA: the data directory
set -euo pipefail
program=$1
epochs=${2:-3}
generated=20000 # images: enough for a quick look, so that all of it takes minutes

echo "Data sets (the data directory is \$CIFRA_DATA, else ~/.cache/cifra):"
"$program" data list
sets=$("$program" data list --json | sed -n 's/^ *"name": "\(.*\)",*$/\1/p; s/^ *"found": \(true\|false\),*$/\1/p' |
    paste - - | awk -F '\t' '$2 == "true" { print $1 }')
for set in $sets; do
    printf '\n== %s ==\n' "$set"
    out=runs/study-$set
    rm -rf "$out"
    size=()
    case $set in hand | street) size=(-n "$generated") ;; esac
    "$program" train --data "$set" "${size[@]}" --epochs "$epochs" --out "$out"
    "$program" data show "$set" --out "$out/samples.svg" --quiet >/dev/null
done
printf '\nResults are in (samples.svg shows the data):\n'
for set in $sets; do echo "  runs/study-$set"; done
