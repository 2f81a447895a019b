#!/usr/bin/env bash
# The page of cifra train --live in a browser, from before the first epoch to the report; and pictures dropped onto the box, whose
# probabilities must be those of cifra predict. With $REPORT_SCREENSHOTS set to a folder, screenshots are left there.
here=$(cd "$(dirname "$0")" && pwd)
. "$here/checks.sh"
BROWSER_BUDGET=60000
. "$here/browser.sh"
browser_starts "the live page in a browser" || exit 0
export CIFRA_DATA=$work/nothing XDG_CACHE_HOME=$work/nothing
lines() { sed -n '/<pre id="selftest">/,/^end$/p' "$1"; }
told() { # told WHAT HTML LOG: the self-test ran, without a failure
    lines "$2" >told.txt
    check "$1: the self-test ran to its end" grep -qx end told.txt
    check "$1: no failure: $(grep -E '^(FAILED|error)' told.txt | head -5)" test -z "$(grep -E '^(FAILED|error)' told.txt)"
    check "$1: no console message: $(grep CONSOLE "$3" | head -3)" test -z "$(grep CONSOLE "$3")"
}

# ---- A training, watched ----
if "$CIFRA" --version | grep -q "without libmicrohttpd"; then
    echo "SKIPPED: the page of a training (cifra was built without libmicrohttpd: apt-get install libmicrohttpd-dev, and build it again)"
else
    "$CIFRA" train --data hand -n 1000 --model "conv 8 3x3 | bn | relu | maxpool 2 | conv 16 3x3 | bn | relu | maxpool 4 | dense classes" \
        --epochs 60 --patience 0 --batch 64 --lr 0.01 --figures none --out run --live >out.txt 2>err.txt &
    training=$!
    for _ in $(seq 600); do grep -q '^live ' err.txt && break; sleep 0.05; done
    address=$(sed -n 's/^live  *//p' err.txt)
    python3 "$here/live_client.py" inject "$address" "$here/live_selftest.js" >port 2>/dev/null &
    proxy=$!
    for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
    BROWSER_BUDGET=300000 headless --dump-dom "http://127.0.0.1:$(cat port)/?${address#*\?}" >live.html 2>live.log
    wait $training || bad "the training: $(tail -3 err.txt)"
    kill $proxy
    told "live" live.html live.log
    same "the report is kept in the page" "$(sed -n 's/^report bytes //p' told.txt)" "$(stat -c %s run/report.html)"
    same "a line is read" "$(sed -n 's/^verdict //p' told.txt)" 1
    if [ -n "${REPORT_SCREENSHOTS-}" ]; then
        "$CIFRA" train --data hand -n 1000 --epochs 400 --patience 0 --figures none --out seen --live >out.txt 2>err.txt &
        training=$!
        sleep 8
        address=$(sed -n 's/^live  *//p' err.txt)
        for scheme in dark light; do
            headless --window-size=1200,1300 --screenshot="$REPORT_SCREENSHOTS/live-$scheme.png" \
                --blink-settings="preferredColorScheme=$([ "$scheme" = dark ]; echo $?)" "$address" >/dev/null 2>&1
        done
        kill -INT $training
        wait $training
    fi
fi

# ---- Pictures dropped onto the box ----
python3 - <<'PY'
import struct, zlib
def png(name, width, height, pixel, channels):
    rows = b"".join(b"\0" + bytes(v for x in range(width) for v in pixel(x, y)) for y in range(height))
    chunk = lambda kind, body: struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    head = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)
    open(name, "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
png("wide.png", 61, 23, lambda x, y: (4 * x, 10 * y, (x * y * 7) % 256), 3)
png("tall.png", 9, 40, lambda x, y: ((x * 37 + y * 11) % 256, 6 * y, 255 - 25 * x), 3)
png("grey.png", 28, 31, lambda x, y: ((x * y) % 256,), 1)
png("clear.png", 20, 20, lambda x, y: (250, 10 * x, 12 * y, 255 if x > y else 0), 4)
PY
"$MAKE_SET" many pictures 4 20
cat >drop.js <<'JS'
const { make } = cifra.report, out = [], box = document.getElementById("box");
/* Without a timer, and never idle: the browser's clock would run to its end while another thread decodes. */
function wait() {
    for (let i = 0, x = 0; i < 2e6; i++) x += i;
    const { port1, port2 } = new MessageChannel();
    return new Promise(done => { port1.onmessage = done; port2.postMessage(0); });
}
const settled = promise => { let value; promise.then(v => value = v); return async () => { while (value === undefined) await wait(); return value; }; };
try {
    for (const [name, text] of Object.entries(files)) {
        const file = new File([Uint8Array.from(atob(text), c => c.charCodeAt(0))], name), data = new DataTransfer();
        data.items.add(file);
        box.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        const remark = document.getElementById("draw-remark");
        for (let i = 0; i < 2000 && !remark.textContent.startsWith(name); i++) await wait();
        if (name === "text.png") out.push(remark.textContent.includes("no picture") ? "ok" : "FAILED a text is told: " + remark.textContent);
        else out.push(`${name} ${(await settled(cifra.drawing.take(file))()).map(v => v.toFixed(6)).join(" ")}`);
    }
} catch (failure) {
    out.push("error " + failure);
}
document.body.append(make("pre", { id: "selftest" }, "\n" + [...out, "end"].join("\n") + "\n"));
JS
echo "no picture" >text.png
dropped() { # dropped RUN: each picture's probabilities in the page against cifra predict
    { cat "$1/report.html"; echo "<script>(async () => { const files = {"
        for file in wide tall grey clear text; do echo "'$file.png': '$(base64 -w0 $file.png)',"; done
        echo "};"; cat drop.js; echo "})()</script>"; } >"$1/drop.html"
    headless --dump-dom "file://$work/$1/drop.html" >"$1.html" 2>"$1.log"
    told "$1" "$1.html" "$1.log"
    "$CIFRA" predict "$1" wide.png tall.png grey.png clear.png --csv "$1.csv" >/dev/null 2>"$1.err" || bad "predict: $(cat "$1.err")"
    same "$1: probabilities as cifra predict has them" "$(python3 - "$1.csv" <<'PY'
import csv, sys
page = {line.split()[0]: [float(v) for v in line.split()[1:]] for line in open("told.txt") if ".png " in line}
rows = list(csv.DictReader(open(sys.argv[1])))
names = [name for name in rows[0] if name.startswith("p_")] or list(rows[0])[-len(next(iter(page.values()))):]
worst = max(abs(float(row[name]) - p) for row in rows for name, p in zip(names, page[row["file"]]))
print(len(rows), "near" if worst < 1e-5 else f"far: {worst}")
PY
)" "4 near"
}
quick=(--epochs 6 --batch 8 --lr 0.05 --patience 0 --split pooled --figures none --quiet)
for fit in squash crop pad; do
    "$CIFRA" train --data "pictures:size=14x11,fit=$fit" --model "input 3x16x12 | conv 6 3x3 | relu | maxpool 4 | dense classes" "${quick[@]}" \
        --out $fit >/dev/null 2>err || bad "train: $(cat err)"
    dropped $fit
done
"$CIFRA" train --data hand -n 300 --model "conv 4 3x3 | relu | maxpool 4 | dense classes" --epochs 2 --figures none --quiet --out grey >/dev/null 2>&1
dropped grey
finish
