#!/usr/bin/env bash
# cifra export --to onnx and cifra import: a run leaves and comes back as a run that eval, predict and report take.
. "$(dirname "$0")/checks.sh"
"$CIFRA" train --data hand -n 200 --model "conv 4 3x3 | bn | relu | maxpool 2 | dropout 0.2 | dense classes" --epochs 1 --figures none --quiet --out run >/dev/null || exit 1

same "the file is named" "$("$CIFRA" export run net.onnx --to onnx)" net.onnx
"$CIFRA" export run logits.onnx --to onnx --logits >/dev/null
check "another output without the softmax" grep -qa logits logits.onnx
refuses 2 "--logits goes with --to onnx or --to onnx-int8" "$CIFRA" export run net.safetensors --logits
check "and nothing is written" [ ! -e net.safetensors ]

"$CIFRA" import net.onnx --out bare >out || bad "import"
check "the line is told" grep -qF "conv 4 3x3 | bn | relu | maxpool 2 | dropout 0.2 | dense classes" out
same "the files of a run without data" "$(ls bare | tr '\n' ' ')" "config.json model.safetensors "
for run in run bare; do
    "$CIFRA" eval $run --data hand:n=50,test=100 --split official-test --figures none --json 2>err | grep -v '"run"' >$run.json || bad "eval of $run"
done
number() { sed -n "s/^ *\"$1\": \([0-9.]*\),*$/\1/p" "$2" | head -1; }
same "the same loss on other data" "$(number loss run.json)" "$(number loss bare.json)"
refuses 2 "without data of its own" "$CIFRA" eval bare
refuses 2 "holds a run already" "$CIFRA" import net.onnx --out bare

"$CIFRA" import net.onnx --data hand:n=200 --out own --json >own.json || bad "import with data"
same "the same weights" "$(sed -n 's/.*"weights_sha256": "\([0-9a-f]*\)".*/\1/p' own.json | head -1)" "$(sha_of run)"
check "it is tested" [ -s own/metrics.json ]
check "eval without more" "$CIFRA" eval own --figures none --quiet >/dev/null
check "a page" "$CIFRA" report own --figures none --quiet >/dev/null
check "the page is there" [ -s own/report.html ]

"$CIFRA" import net.onnx --normalize "0.5 0.25" --out normalized >out || bad "import with --normalize"
check "the layer in front" grep -qF "normalize 0.5 0.25 | conv 4 3x3" out
refuses 2 "--out RUN is needed" "$CIFRA" import net.onnx
refuses 2 "means and then as many deviations expected" "$CIFRA" import net.onnx --out wrong --normalize "1 2 3"
"$CIFRA" train --data street -n 100 --classes 1,2,3 --model "dense classes" --epochs 1 --figures none --quiet --out three >/dev/null
"$CIFRA" export three three.onnx --to onnx >/dev/null
refuses 2 "3 classes, and hand:n=50 has 10" "$CIFRA" import three.onnx --data hand:n=50 --out wrong
check "nothing is left of what was refused" [ ! -e wrong ]
head -c 3000 net.onnx >short.onnx
refuses 1 "short.onnx" "$CIFRA" import short.onnx --out short
refuses 1 "nothing.onnx" "$CIFRA" import nothing.onnx --out short
check "no folder is left" [ ! -e short ]
finish
