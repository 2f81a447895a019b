#!/usr/bin/env bash
# cifra models: every name with what it comes to; the line and layers of one; JSON; a wrong name; pages of help.
. "$(dirname "$0")/checks.sh"
names="paper paper-leaky mlp linear lenet5 m3 m5 m7 resnet8 resnet20 resnet56 wrn16-4 mobilenet-small vit-tiny resnet18 efficientnet-lite0"

"$CIFRA" models >list || bad "models"
same "one row of each name" "$(tail -n +2 list | cut -d' ' -f1 | xargs)" "$names"
# 2 x 9 x 32 x 784 + 2 x 9 x 32 x 64 x 196 + 2 x 3136 x 128 + 2 x 128 x 10 operations are 8.482304 million.
check "a row has parameters, MFLOP, images, classes" grep -qE '^paper +421738 +8\.5 +1x28x28 +10 +the study: two conv' list
check "a row of ImageNet's" grep -qE '^resnet18 +11689512 +[0-9.]+ +3x224x224 +1000 +He et al. 2016: ' list

"$CIFRA" models mlp >one || bad "models mlp"
check "the line of one" grep -qx 'dense 256 | relu | dense 128 | relu | dense classes' one
check "its layers" grep -qE '^  dense2 +128 +32896 +0\.066$' one
check "their sum" grep -qE '^  total +235146 +0\.470 ' one
"$CIFRA" models resnet8 >one || bad "models resnet8"
check "a shortcut that the line does not spell out is a layer" grep -qE '^  res2\.0 +1x1, stride 2, pad 0 +32x16x16 +512 ' one
check "the group's first layer says what it reads" grep -qE '^  conv4 +3x3, stride 2, pad 1, of relu3 +32x16x16 +4608 ' one
check "so does the addition" grep -qE '^  res2 +with res2\.1 +32x16x16$' one
check "shortcuts take no numbers" grep -qE '^  conv7 +3x3, stride 1, pad 1 +64x8x8 +36864 ' one
"$CIFRA" models resnet18 >one || bad "models resnet18"
same "long names keep the columns apart" "$(awk '/^  (layer|conv|bn|fc|res|add|relu|max|total)/ { print match($0, / [0-9x]+ +[0-9]+ +[0-9.]+$/) ? RSTART + RLENGTH : 0 }' one |
    sort -u | grep -vx 0 | wc -l)" 1

# member NAME FIELD: of the document.
member() { python3 -c 'import json, sys; print([m for m in json.load(open("json"))["models"] if m["name"] == sys.argv[1]][0][sys.argv[2]])' "$@"; }
"$CIFRA" models --json >json || bad "models --json"
same "JSON: all names" "$(python3 -c 'import json; print(*[m["name"] for m in json.load(open("json"))["models"]])')" "$names"
same "JSON: parameters" "$(member paper parameters)" 421738
same "JSON: mflop" "$(member paper mflop)" 8.482304
same "JSON: input" "$(member resnet20 input)" "[3, 32, 32]"
same "JSON: classes" "$(member resnet18 classes)" 1000
same "JSON: line" "$(member linear line)" "dense classes"
same "JSON: source" "$(member lenet5 source)" "LeCun et al. 1998"
same "JSON: about" "$(member linear about)" "one dense layer"
"$CIFRA" models m5 --json >json || bad "models m5 --json"
same "JSON: one name" "$(python3 -c 'import json; print(*[m["name"] for m in json.load(open("json"))["models"]])')" m5

refuses 2 "unknown model resnet21; did you mean resnet20?" "$CIFRA" models resnet21
refuses 2 "unknown model xyzzy (cifra models lists the names)" "$CIFRA" models xyzzy
refuses 2 "\"m5\" was not expected" "$CIFRA" models m3 m5
refuses 1 "could not be written" bash -c '"$0" models >/dev/full' "$CIFRA"
check "help has an example" bash -c '"$0" models --help | grep -q "^    cifra models resnet20$"' "$CIFRA"
check "the man page has it" bash -c '"$0" help --man | grep -q "^.SS models$"' "$CIFRA"
check "the overview has it" bash -c '"$0" help | grep -q "^  models  "' "$CIFRA"
finish
