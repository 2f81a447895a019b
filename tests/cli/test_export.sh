#!/usr/bin/env bash
# cifra export: a run's weights as a file for other programs; what is refused leaves what was there.
. "$(dirname "$0")/checks.sh"
"$CIFRA" train --data hand -n 200 --model paper --epochs 1 --figures none --quiet --out run >/dev/null || bad "training"

same "it says what it made" "$("$CIFRA" export run weights.safetensors)" weights.safetensors
"$CIFRA" export run/model.safetensors same.safetensors --to safetensors >/dev/null || bad "export of a model file"
check "a run's are its model file's" cmp weights.safetensors same.safetensors
"$CIFRA" export run again.safetensors --json >again.json || bad "export --json"
for line in '"file": "again.safetensors"' '"format": "safetensors"' "\"bytes\": $(stat -c %s again.safetensors)," '"images": ' '"accuracy": '; do
    check "JSON has $line" grep -qF "$line" again.json
done
check "it is what PyTorch has" python3 -c 'import json, struct
file = open("weights.safetensors", "rb")
header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
assert header["bn2.num_batches_tracked"]["dtype"] == "I64" and header["bn2.num_batches_tracked"]["shape"] == []
assert header["dense1.weight"]["shape"] == [128, 3136]'
"$CIFRA" data show hand -n 20 --out picture.png --quiet >/dev/null || bad "a picture"
same "cifra reads the file" "$("$CIFRA" predict weights.safetensors picture.png --quiet)" "$("$CIFRA" predict run picture.png --quiet)"

echo kept >kept
refuses 1 "no-such-run" "$CIFRA" export no-such-run kept
refuses 2 "did you mean safetensors?" "$CIFRA" export run kept --to safetensor
refuses 2 "FILE" "$CIFRA" export run
refuses 1 "nowhere" "$CIFRA" export run nowhere/weights.safetensors
cp run/model.safetensors broken.safetensors && truncate -s -4 broken.safetensors
refuses 1 "is cut short" "$CIFRA" export broken.safetensors kept
same "what was there is kept" "$(cat kept)" kept
check "help lists the formats" bash -c '"$0" export --help | grep -q "^    safetensors: "' "$CIFRA"
check "the man page has it" bash -c '"$0" help --man | grep -q "^.SS export$"' "$CIFRA"
finish
