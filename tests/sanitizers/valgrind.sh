#!/usr/bin/env bash
# A tiny training, an evaluation, a prediction and an embedding under valgrind: no invalid access, no use of what was never set, no
# block lost. Usage: tests/sanitizers/valgrind.sh BUILD
#
# Valgrind 3.19 executes nothing beyond AVX2 and tells programs so by CPUID; CIFRA_ISA says it again. What oneDNN generates is code
# that valgrind must translate like any other (--smc-check=all-non-file: it is written after it was first looked at).
set -euo pipefail
build=$(cd "${1:?the folder of a build}" && pwd)
sanitizers=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export CIFRA_ISA=avx2
watched() { # watched NAME ARGUMENTS...: the program under valgrind
    local name=$1
    shift
    echo "valgrind: cifra $*"
    valgrind --quiet --error-exitcode=9 --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite \
        --smc-check=all-non-file --suppressions="$sanitizers/valgrind.supp" --log-file="$name.valgrind" \
        "$build/cifra" "$@" >"$name.out" 2>"$name.err" && return
    echo "FAILED: $name" >&2
    cat "$name.valgrind" "$name.err" >&2
    exit 1
}
"$build/cifra" --version >/dev/null
watched train train --data hand:n=200,test=20 --split pooled --model "conv 4 3x3 | bn | relu | maxpool 4 | dense 8 | relu | dense classes" \
    --epochs 1 --batch 16 --threads 2 --out run
watched eval eval run --threads 2
watched umap umap run --data hand:n=200,test=20 --epochs 10 --threads 2 --out map
watched tune tune --data hand:n=200,test=20 --split pooled --grid "$sanitizers/tiny.yaml" --epochs 1 --jobs 2 --out tune
watched data data make hand -n 200 --test 20 --out set --format mat
watched read data info set
echo "valgrind: clean"
