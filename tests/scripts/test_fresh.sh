#!/usr/bin/env bash
# What scripts/fresh.sh refuses, and when it steps aside; CI and the long check run what it is for.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../cli/checks.sh"
fresh=$here/../../scripts/fresh.sh
refuses 2 "Usage: scripts/fresh.sh" bash "$fresh" --no-such-option
refuses 2 "Usage: scripts/fresh.sh" bash "$fresh" one two
mkdir full && : >full/file
refuses 2 "full is not an empty folder" bash "$fresh" trixie full
check "which is left alone" test -e full/file

# Without debootstrap, for root and others: the exit status of a skip, its reason, and no folder.
mkdir tools
for tool in bash dirname id realpath ls; do ln -s "$(command -v "$tool")" tools/; done
PATH=$work/tools "$BASH" "$fresh" trixie --build new >out.txt 2>err.txt
same "the exit status of a skip" $? 77
check "its reason: $(cat out.txt err.txt)" grep -qE '^SKIPPED: a fresh trixie: (root is needed|there is no debootstrap)' out.txt
check "no folder is made" test ! -e new
finish
