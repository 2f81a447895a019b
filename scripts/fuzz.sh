#!/usr/bin/env bash
# Fuzzes every reader of the program's input with libFuzzer (clang), one target after the other; exits 1 when one has a finding.
# Usage: scripts/fuzz.sh BUILD SECONDS [NAME...]      BUILD: a folder, configured here where it is not yet; NAME: some targets
# The corpus that was found stays in BUILD/fuzzing/NAME, a finding in BUILD/fuzzing/findings; the last table tells how far each came.
set -euo pipefail
[ $# -ge 2 ] || { sed -n 3p "$0" >&2; exit 2; }
build=$1 seconds=$2
shift 2
source=$(cd "$(dirname "$0")/.." && pwd)
if ! command -v clang >/dev/null; then
    echo "SKIPPED: fuzzing: there is no clang here (apt-get install clang libclang-rt-dev libomp-dev)"
    exit 0
fi
[ -f "$build/CMakeCache.txt" ] || cmake -S "$source" -B "$build" -DCIFRA_FUZZ=ON -DBUILD_TESTING=OFF -DCMAKE_C_COMPILER=clang \
    -DCMAKE_BUILD_TYPE=RelWithDebInfo --log-level=WARNING
cmake --build "$build" -j "$(nproc)" >/dev/null
cd "$build"
findings=$PWD/fuzzing/findings
mkdir -p "$findings" fuzzing/seeds
# Third-party libraries keep some memory until the process ends.
ASAN_OPTIONS=detect_leaks=0 ./tests/fuzz/make_corpus fuzzing/seeds
if [ $# = 0 ]; then
    for target in tests/fuzz/fuzz_*; do
        [[ $target == *.* ]] || set -- "$@" "${target#tests/fuzz/fuzz_}"
    done
fi
failed=0
table=fuzzing/table
[ -f "$table" ] || printf '%-12s %8s %12s %8s %8s %s\n' target seconds executions coverage features result >"$table"
for name; do
    mkdir -p "fuzzing/$name"
    folders=("fuzzing/$name" "fuzzing/seeds/$name")
    [ -d "$source/tests/fuzz/found/$name" ] && folders+=("$source/tests/fuzz/found/$name")
    dictionary=()
    [ -f "$source/tests/fuzz/$name.dict" ] && dictionary=("-dict=$source/tests/fuzz/$name.dict")
    log=fuzzing/$name.log result=clean
    # The limits of base/limits.h, with what an input of this length can ask for at most below them.
    "./tests/fuzz/fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=768 -timeout=20 -max_len=16384 \
        -print_final_stats=1 -artifact_prefix="$findings/$name-" "${dictionary[@]}" "${folders[@]}" >"$log" 2>&1 || {
        result="FINDING, see $build/$log"
        failed=1
    }
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
    last=$(grep -E '^#[0-9]+.*cov: ' "$log" | tail -1)
    printf '%-12s %8s %12s %8s %8s %s\n' "$name" "$seconds" "${executions:-?}" "$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' <<<"$last")" \
        "$(sed -n 's/.*ft: \([0-9]*\).*/\1/p' <<<"$last")" "$result" | tee -a "$table"
done
exit $failed
