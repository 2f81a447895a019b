# shellcheck shell=bash
# SIGKILL at random moments, again and again. Read it behind checks.sh.
#
# die_often TOTAL FOLDER FINISHED COMMAND...: runs COMMAND, which goes on in FOLDER with what was done, until TOTAL processes were
# killed. Whenever one comes to its end, FINISHED looks at the folder, which is then removed, and all begins anew.
# Moments are from 5 ms to $life ms after the start; $life grows when nothing comes to its end. $seed makes them the same again, as
# far as a machine's speed is the same.
die_often() {
    local total=$1 folder=$2 finished=$3 since=0 moment process code files
    shift 3
    kills=0
    ends=0
    most=0
    RANDOM=${seed:-1}
    while [ "$kills" -lt "$total" ]; do
        "$@" >/dev/null 2>last.err &
        process=$!
        moment=$((5 + RANDOM % life))
        sleep "$((moment / 1000)).$(printf %03d $((moment % 1000)))"
        kill -9 $process 2>/dev/null
        wait $process 2>/dev/null
        code=$?
        files=$(find "$folder" 2>/dev/null | wc -l)
        [ "$files" -gt "$most" ] && most=$files
        case $code in
        137) kills=$((kills + 1)) since=$((since + 1)) ;;
        0)
            ends=$((ends + 1)) since=0
            "$finished" || return 1
            rm -rf "$folder"
            ;;
        *)
            bad "after $kills kills: exit $code: $(cat last.err)"
            return 1
            ;;
        esac
        if [ "$since" -ge 40 ]; then
            life=$((life * 3 / 2)) since=0
        fi
    done
    # In a shell of its own: COMMAND may be a function that ends with exec.
    ("$@") >/dev/null 2>last.err || bad "after $kills kills: $(cat last.err)"
    ends=$((ends + 1))
    "$finished"
}
# The names of all that is in a folder.
list() { (cd "$1" && find . | sort); }
now_ms() { # the monotonic clock
    local seconds
    read -r seconds _ </proc/uptime
    echo "${seconds/./}0"
}
