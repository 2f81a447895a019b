# What the scripts share: a scratch folder, a small data set, and checks that name themselves when they fail.
# Read it first: . "$(dirname "$0")/checks.sh"
set -u
: "${CIFRA:?the program}" "${MAKE_SET:?the tool that writes a small data set}"
export CIFRA_TRACE=
unset CIFRA_TRACE
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
passed=0
failed=0

ok() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    echo "FAILED: $*"
}
check() { # check WHAT COMMAND...: the command must succeed
    local what=$1
    shift
    if "$@"; then ok; else bad "$what"; fi
}
same() { # same WHAT A B
    if [ "$2" = "$3" ] && [ -n "$2" ]; then ok; else bad "$1: \"$2\" is not \"$3\""; fi
}
# refuses STATUS PART COMMAND...: exits with STATUS, says PART on stderr, and nothing like a crash.
refuses() {
    local status=$1 part=$2 got
    shift 2
    "$@" >"$work/stdout" 2>"$work/stderr"
    got=$?
    if [ "$got" = "$status" ] && grep -qF -- "$part" "$work/stderr"; then
        ok
    else
        bad "$* : exit $got (wanted $status), message without \"$part\": $(cat "$work/stderr")"
    fi
}
# with_other_values ARRAY OPTION VALUE [OPTION VALUE ..]: `varied` is the words of ARRAY with other values; options that it has not are
# added.
with_other_values() {
    local -n words=$1
    varied=("${words[@]}")
    shift
    while [ $# -gt 0 ]; do
        local place=0
        while [ "${varied[place]:-$1}" != "$1" ]; do place=$((place + 1)); done
        varied[place]=$1
        varied[place + 1]=$2
        shift 2
    done
}
# terminal WHAT: whether `script` can give a command a terminal here; says that WHAT is skipped where it cannot.
terminal() {
    if ! command -v script >/dev/null; then
        echo "SKIPPED: $1 (there is no script: apt-get install bsdutils)"
    elif ! script -qec true /dev/null </dev/null >"$work/stdout" 2>&1; then
        echo "SKIPPED: $1 (no terminal can be made, as without /dev/pts: $(head -1 "$work/stdout"))"
    else
        return 0
    fi
    return 1
}
sha_of() { sed -n 's/^ *"weights_sha256": "\(.*\)",*$/\1/p' "$1/metrics.json"; }
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && [ "$passed" -gt 0 ]
}
