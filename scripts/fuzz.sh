#!/usr/bin/env bash
# Fuzzes every reader of the program's input with libFuzzer (clang), some targets at a time; exits 1 when one has a finding.
# Usage: [FUZZ_JOBS=N] scripts/fuzz.sh BUILD SECONDS [NAME...]
# BUILD: a folder, configured here where it is not yet; NAME: some targets. N targets at a time (as many as there are processors).
# The corpus that was found stays in BUILD/fuzzing/NAME, a finding in BUILD/fuzzing/findings; BUILD/fuzzing/table tells how far each
# came: seconds by the clock and of a processor, inputs executed, edges and features (libFuzzer's terms) that were seen.
set -euo pipefail
[ $# -ge 2 ] || { sed -n 3,4p "$0" >&2; exit 2; }
build=$1 seconds=$2 jobs=${FUZZ_JOBS:-$(nproc)}
shift 2
# Seconds for one input, by the clock: more of them where several targets share a processor.
timeout=$((20 * ((jobs + $(nproc) - 1) / $(nproc))))
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
table=fuzzing/table
[ -f "$table" ] || printf '%-12s %8s %8s %12s %8s %8s %s\n' target seconds cpu executions coverage features result >"$table"

# fuzz NAME: one target for the time given; a line in the table, and fuzzing/failed with a finding.
fuzz() {
    local name=$1 log=fuzzing/$1.log result=clean cpu executions last
    local folders=("fuzzing/$name" "fuzzing/seeds/$name") dictionary=()
    mkdir -p "fuzzing/$name"
    [ -d "$source/tests/fuzz/found/$name" ] && folders+=("$source/tests/fuzz/found/$name")
    [ -f "$source/tests/fuzz/$name.dict" ] && dictionary=("-dict=$source/tests/fuzz/$name.dict")
    # The limits of base/limits.h, with what an input of this length can ask for at most below them.
    { time "./tests/fuzz/fuzz_$name" -max_total_time="$seconds" -rss_limit_mb=2048 -malloc_limit_mb=768 -timeout="$timeout" \
        -max_len=16384 -print_final_stats=1 -artifact_prefix="$findings/$name-" "${dictionary[@]}" "${folders[@]}" \
        >"$log" 2>&1; } 2>"fuzzing/$name.cpu" || result="FINDING, see $build/$log"
    cpu=$(awk '{ printf "%.0f", $1 + $2 }' "fuzzing/$name.cpu")
    executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
    last=$(grep -E '^#[0-9]+.*cov: ' "$log" | tail -1)
    printf '%-12s %8s %8s %12s %8s %8s %s\n' "$name" "$seconds" "$cpu" "${executions:-?}" \
        "$(sed -n 's/.*cov: \([0-9]*\).*/\1/p' <<<"$last")" "$(sed -n 's/.*ft: \([0-9]*\).*/\1/p' <<<"$last")" "$result" |
        tee -a "$table"
    [ "$result" = clean ] || touch fuzzing/failed
}

TIMEFORMAT='%U %S'
export LSAN_OPTIONS=suppressions=$source/tests/sanitizers/leaks.supp:print_suppressions=0
rm -f fuzzing/failed
running=0
for name; do
    [ $((running += 1)) -le "$jobs" ] || wait -n || true
    fuzz "$name" &
done
wait
[ ! -e fuzzing/failed ]
