# shellcheck shell=bash
# How the scripts start several ranks. Read it behind checks.sh.
# Skips the whole script, saying why, where there is no MPI.
ranks_or_skip() {
    if "$CIFRA" --version | grep -q "without MPI"; then
        echo "SKIPPED: ranks (cifra was built without MPI: apt-get install libopenmpi-dev, and build it again)"
    elif ! command -v mpirun >/dev/null; then
        echo "SKIPPED: ranks (there is no mpirun: apt-get install openmpi-bin)"
    elif ! on_ranks 2 true 2>"$work/mpirun.err"; then
        echo "SKIPPED: ranks (mpirun starts no two processes here: $(tr '\n' ' ' <"$work/mpirun.err" | cut -c1-300))"
    else
        return
    fi
    exit 0
}
on_ranks() { # on_ranks R COMMAND...: over TCP, on whatever processors there are; BIND: to one `hwthread` each; RECOVERY
    local ranks=$1 root=()
    shift
    [ "$(id -u)" = 0 ] && root=(--allow-run-as-root)
    [ "${RECOVERY:-}" ] && root+=(--enable-recovery)
    # Its sockets' paths are short enough in /tmp alone.
    TMPDIR=/tmp mpirun "${root[@]}" --oversubscribe --bind-to "${BIND:-none}" --mca btl tcp,self --mca btl_tcp_if_include lo \
        --mca plm isolated --mca mpi_yield_when_idle 1 -n "$ranks" "$@"
}
kill_rank() { # kill_rank RANK OUT: of the job that works on OUT (`--out OUT`, a whole path)
    local victim
    victim=$(pgrep -f -- "--out $2" | while read -r p; do
        grep -qz "^OMPI_COMM_WORLD_RANK=$1$" "/proc/$p/environ" 2>/dev/null && echo "$p"
    done | head -1)
    [ -n "$victim" ] && kill -9 "$victim" 2>/dev/null
}
