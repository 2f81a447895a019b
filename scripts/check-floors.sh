#!/usr/bin/env bash
# Folders of src/ are floors: an include goes only downward, siblings do not see each other, file names are unique.
# Includes, NAME.c and NAME.h taken as one, never lead back to where they began.
# Prints each breach and exits 1 if there is any. docs/design.md draws the house.
set -euo pipefail

breaches=$(find src -name '*.[ch]' -print0 | sort -z | xargs -0 awk '
BEGIN {
    # The floors that each floor may include; its own is always allowed.
    split("base data draw nn export train eval embed tune bench study cli", order, " ")
    below["data"]  = "base"
    below["draw"]  = "base"
    below["nn"]    = "data base"
    below["export"] = "nn data base"
    below["train"] = "nn data base"
    below["eval"]  = "train nn data draw base"
    below["embed"] = "train nn data draw base"
    below["tune"]  = "train nn data draw base"
    below["bench"] = "eval embed train nn data base"
    below["study"] = "export eval embed tune train nn data draw base"
    below["cli"]   = "study export bench eval embed tune train nn data draw base"
    for (i in order) known[order[i]] = 1
}
FNR == 1 {
    n = split(FILENAME, part, "/")
    floor = part[2]
    if (!(floor in known)) print FILENAME ": src/" floor " is not a floor"
    if (part[n] in seen) print FILENAME ": the name stands in " seen[part[n]] " too"
    seen[part[n]] = FILENAME
    stem = substr(FILENAME, 5, length(FILENAME) - 6)
    stems[stem] = 1
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, quoted, "\"")
    if (quoted[2] == "cifra.h") next
    slash = index(quoted[2], "/")
    target = substr(quoted[2], 1, slash - 1)
    if (!slash || !(target in known))
        print FILENAME ":" FNR ": \"" quoted[2] "\" must be written from src/"
    else if (target != floor && index(" " below[floor] " ", " " target " ") == 0)
        print FILENAME ":" FNR ": " floor " may not include " quoted[2]
    sub(/\.h$/, "", quoted[2])
    if (quoted[2] != stem && index(includes[stem] " ", " " quoted[2] " ") == 0) includes[stem] = includes[stem] " " quoted[2]
}
# Marks what `from` leads to as reached[from, ..].
function reach(from, at,    next_ones, i, count) {
    count = split(includes[at], next_ones, " ")
    for (i = 1; i <= count; i++) {
        if ((from, next_ones[i]) in reached) continue
        reached[from, next_ones[i]] = 1
        reach(from, next_ones[i])
    }
}
END {
    for (name in stems) reach(name, name)
    for (name in stems) {
        if (!((name, name) in reached)) continue
        circle = ""
        for (other in stems)
            if (other != name && (name, other) in reached && (other, name) in reached) circle = circle " " other
        print "src/" name ": its includes lead back to itself by" circle
    }
}')
if [ -n "$breaches" ]; then
    echo "$breaches"
    exit 1
fi
