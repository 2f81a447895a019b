#!/usr/bin/env bash
# Folders of src/ are floors: an include goes only downward, siblings do not see each other, file names are unique.
# Prints each breach and exits 1 if there is any. docs/design.md draws the house.
set -euo pipefail

breaches=$(find src -name '*.[ch]' -print0 | xargs -0 awk '
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
}')
if [ -n "$breaches" ]; then
    echo "$breaches"
    exit 1
fi
