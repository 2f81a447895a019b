#!/usr/bin/env bash
# Everything that can be wrong from outside: a clear message, exit 1 or 2, and nothing lost.
. "$(dirname "$0")/checks.sh"
"$MAKE_SET" good 400 100
train=("$CIFRA" train --model "dense classes" --epochs 1 --quiet)
broken() { # broken NAME: a copy of the good set to be damaged
    rm -rf "$1" && cp -r good "$1" && rm -rf "$1/pictures"
}

# Wrong use.
refuses 2 "did you mean train" "$CIFRA" tarin
refuses 2 "did you mean --epochs" "$CIFRA" train --epohcs 3
refuses 2 "--data SET is needed" "$CIFRA" train
refuses 2 "did you mean mnist" "$CIFRA" train --data mnits
refuses 2 "no such" "$CIFRA" data info good --nonsense
refuses 2 "1 to 100000" "$CIFRA" train --data good --epochs many
refuses 2 "1 to 65536" "$CIFRA" train --data good --batch 0
refuses 2 "--precision takes" "$CIFRA" train --data good --precision bf17
refuses 2 "column 6" "$CIFRA" train --data good --model "relu|convv 3 3x3 | dense classes"
refuses 2 "did you mean conv" "$CIFRA" train --data good --model "convv 3 3x3 | dense classes"
refuses 2 "does not fit" "$CIFRA" train --data good --model "conv 8 3x3 | maxpool 2 | maxpool 2 | maxpool 2 | maxpool 2 | dense classes"
refuses 2 "10 classes" "$CIFRA" train --data good --model "dense 12"
refuses 2 "split" "${train[@]}" --data good --split offical
refuses 2 "at:" "${train[@]}" --data good --split at:100000
refuses 2 "is no run folder" "$CIFRA" eval nothing-here
refuses 2 "class" "${train[@]}" --data good --classes 1,x
refuses 2 "limit" "${train[@]}" --data good --limit 1:y

# Files.
refuses 1 "nowhere" "${train[@]}" --data ./nowhere
broken s && : >s/train-images-idx3-ubyte
refuses 1 "train-images-idx3-ubyte" "${train[@]}" --data s
broken s && head -c 5000 good/train-images-idx3-ubyte >s/train-images-idx3-ubyte
refuses 1 "train-images-idx3-ubyte" "${train[@]}" --data s
broken s && gzip s/train-images-idx3-ubyte && head -c 9000 s/train-images-idx3-ubyte.gz >x && mv x s/train-images-idx3-ubyte.gz
refuses 1 "truncated" "${train[@]}" --data s
broken s && printf 'PNG?' | dd of=s/train-images-idx3-ubyte conv=notrunc status=none
refuses 1 "not an IDX file" "${train[@]}" --data s
broken s && printf '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff' | dd of=s/train-images-idx3-ubyte bs=1 seek=4 conv=notrunc status=none
refuses 1 "train-images-idx3-ubyte" "${train[@]}" --data s
broken s && rm s/train-labels-idx1-ubyte
refuses 1 "labels" "${train[@]}" --data s
broken s && cp s/t10k-labels-idx1-ubyte s/train-labels-idx1-ubyte
refuses 1 "100" "${train[@]}" --data s
broken s && printf '\xc8' | dd of=s/train-labels-idx1-ubyte bs=1 seek=11 conv=notrunc status=none
refuses 1 "label" "${train[@]}" --data s
head -c 300 /dev/urandom >noise.mat
refuses 1 "noise.mat" "${train[@]}" --data noise.mat
truncated=${CIFRA_DATA:-/nonexistent}/svhn-sample/truncated_train_32x32.mat
if [ -r "$truncated" ]; then
    refuses 1 "truncated" "${train[@]}" --data "$truncated"
else
    echo "SKIPPED: the real truncated .mat file (not in \$CIFRA_DATA)"
fi
mkdir -p pictures/a pictures/b && cp good/pictures/0/0.png pictures/a/ && head -c 60 good/pictures/1/0.png >pictures/b/0.png
refuses 1 "pictures/b/0.png" "${train[@]}" --data pictures
rm pictures/b/0.png
refuses 1 "pictures has images of 1 class" "${train[@]}" --data pictures

# Training that fails leaves its message; the run folder stays resumable or absent.
refuses 1 "learning rate" "$CIFRA" train --data good --model "dense 30 | leakyrelu | dense 30 | leakyrelu | dense classes" --lr 1e6 --epochs 3 --quiet --out diverged
echo x >file
refuses 1 "file" "${train[@]}" --data good --out file/run
refuses 1 "proc" "${train[@]}" --data good --out /proc/no/run

# A full disk, as a limit on the size of files and, where this user may mount one, as a small disk.
long=(--data good --model "dense 256 | relu | dense 128 | relu | dense classes" --patience 0 --quiet)
"$CIFRA" train "${long[@]}" --epochs 6 --out undisturbed >/dev/null
"$CIFRA" train "${long[@]}" --epochs 2 --out full >/dev/null
refuses 1 "kept" bash -c 'ulimit -f 64; exec "$@"' _ "$CIFRA" train --resume --out full --epochs 6 --quiet
"$CIFRA" train --resume --out full --epochs 6 --quiet >/dev/null
same "weights after the disk was full" "$(sha_of full)" "$(sha_of undisturbed)"
mkdir disk
if mount -t tmpfs -o size=600k tmpfs disk 2>/dev/null; then
    refuses 1 "No space left" "$CIFRA" train "${long[@]}" --epochs 6 --out disk/run
    umount disk
else
    echo "SKIPPED: a full disk of its own (this user may not mount one)"
fi
refuses 1 "could not be written" bash -c '"$0" data list >/dev/full' "$CIFRA"

# A damaged run.
cp -r undisturbed damaged
head -c 1000 undisturbed/model.safetensors >damaged/model.safetensors
refuses 1 "model.safetensors" "$CIFRA" eval damaged --quiet
echo '{"data": 3}' >damaged/config.json
refuses 1 "config.json" "$CIFRA" eval damaged --quiet
refuses 1 "no-such.png" "$CIFRA" predict undisturbed no-such.png

# libtiff is loaded when it is needed, and only then.
mkdir broken
echo "no library" >broken/libtiff.so.6
printf 'II*\0\10\0\0\0\0\0' >page.tif
refuses 1 "page.tif is a damaged TIFF" "$CIFRA" predict undisturbed page.tif
refuses 1 "libtiff.so.6 cannot be loaded" env LD_LIBRARY_PATH=broken "$CIFRA" predict undisturbed page.tif
refuses 1 "no-such.png" env LD_LIBRARY_PATH=broken "$CIFRA" predict undisturbed no-such.png
finish
