/* Put into a report by test_report_browser.sh: touches everything, and writes lines into a pre called selftest, "ok WHAT" or
 * "FAILED WHAT", "error WHAT", and for every image the probabilities of the page's network. */
const lines = [];
const check = (what, right, detail = "") => lines.push(right ? "ok " + what : "FAILED " + what + " " + detail);
const all = (selector, within = document) => Array.from(within.querySelectorAll(selector));
const one = selector => document.querySelector(selector);

/* A canvas that is read again and again makes Chromium write about it; a copy is read once. */
function copied(canvas) {
    const copy = document.createElement("canvas");
    [copy.width, copy.height] = [canvas.width, canvas.height];
    copy.getContext("2d").drawImage(canvas, 0, 0);
    return copy.getContext("2d");
}

function cells() {
    const { data } = cifra.report, gallery = one("#gallery");
    let opened = 0, images = 0;
    for (const button of all("#matrix button")) {
        const label = +button.dataset.label, predicted = +button.dataset.predicted, total = +button.textContent;
        button.click();
        const shown = all("#gallery .thumbnails canvas").length, text = one("#gallery p").textContent;
        const said = shown === total ? `all ${total}` : `showing ${shown} of ${total}`;
        if (gallery.hidden || text !== said || shown < 1 )
            check(`cell ${label} ${predicted}`, false, `${shown} ${text}`);
        opened++;
        images += shown;
    }
    check("every cell opens its images", opened > 0 && images === cifra.report.count, `${opened} ${images}`);
    one("#gallery .close").click();
    check("closing gives the focus back", gallery.hidden && document.activeElement.closest("#matrix"));
    const start = one('#matrix button[data-label="0"]'), tabs = all("#matrix button").filter(b => b.tabIndex === 0).length;
    start.focus();
    for (const key of ["ArrowDown", "ArrowUp"])
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
    check("arrow keys go from cell to cell", tabs === 1 && document.activeElement === start);
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
    const end = all('#matrix button[data-label="0"]').length > 1;
    check("to the next one that has images", document.activeElement === all('#matrix button[data-label="0"]')[end ? 1 : 0]);
}

function panel() {
    const { data } = cifra.report, dialog = one("#panel");
    const button = all("#matrix button").find(b => b.dataset.label !== b.dataset.predicted) || one("#matrix button");
    button.click();
    one("#gallery .thumbnails button").click();
    check("an image opens the panel", dialog.open);
    check("bars for all classes", all("li", dialog).length === Math.min(data.classes.length, 12));
    check("no percentage of what is no number", cifra.report.percent(NaN) === "overflow" && cifra.report.percent(0.5) === "50.0 %");
    const title = one("#panel h3").textContent, name = data.classes[button.dataset.label];
    check("the panel names the class", title.startsWith(name + " predicted as " + data.classes[button.dataset.predicted]), title);
    const first = data.images.index.findIndex((_, i) => data.images.label[i] === +button.dataset.label &&
        data.images.predicted[i] === +button.dataset.predicted), it = cifra.report.image(first);
    const canvas = one("#panel canvas"), drawn = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    const [C, H, W] = it.shape;
    let same = canvas.width === W && canvas.height === H;
    for (let i = 0; i < H * W; i++) same &&= drawn[4 * i] === it.pixels[C * i] && drawn[4 * i + 2] === it.pixels[C * i + C - 1];
    check("its pixels are the set's", same);
    const place = one("#panel .place").textContent;
    one("#panel .next").click();
    dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
    check("next and the arrow keys", one("#panel .place").textContent === place);
    one("#panel .close").click();
    check("the panel closes", !dialog.open);
    one("#gallery .close").click();
}

function pairs() {
    const { data, count } = cifra.report, gallery = one("#gallery");
    for (const button of all("#pairs tbody button")) {
        const { label, predicted } = button.dataset, row = button.closest("tr");
        const what = `pair ${label} ${predicted}`, cell = one(`#matrix button[data-label="${label}"][data-predicted="${predicted}"]`), total = +cell.textContent;
        const shown = () => one("#gallery h3").textContent + all("#gallery .thumbnails button").map(b => b.title).join();
        cell.click();
        const wanted = shown();
        one("#gallery .close").click();
        row.cells[1].click();
        check(what + " opens what its cell opens", shown() === wanted && !gallery.hidden && +row.cells[1].textContent === total);
        check(what + " is marked, as its cell is", all('[aria-expanded="true"]').length === 2 && cell.ariaExpanded === "true" &&
            button.ariaExpanded === "true");
        one("#gallery .close").click();
        check(what + " gets the focus back", document.activeElement === button && !all('[aria-expanded="true"]').length);
    }
    const wrong = all("#matrix button").filter(b => b.dataset.label !== b.dataset.predicted).map(b => +b.textContent).sort((a, b) => b - a);
    const listed = all("#pairs tbody tr").map(row => +row.cells[1].textContent);
    check("the most confused pairs are listed", count && listed.join() === wrong.slice(0, 20).join(), listed.join());
    check("areas of all classes", all("#areas tbody tr").length === data.classes.length);
}

/* The page's maps of some images, for the script, and what the panel shows of them. */
function maps() {
    const { count, image, data, openPanel } = cifra.report, chosen = [], [figure, attended] = all("#panel .map");
    for (let i = 0; i < count; i += Math.ceil(count / 24)) chosen.push(i);
    openPanel(chosen, 0);
    for (const it of chosen.map(image)) {
        const shares = cifra.network.rollout(data.network, it.pixels, it.shape);
        check("attention, and else none, has a rollout", attended.hidden === !shares);
        if (shares) lines.push(`rollout ${it.number} ` + Array.from(shares.values, v => v.toPrecision(7)).join(" "));
    }
    if (cifra.network.lookedAt(data.network) < 0) {
        check("no convolution, no map", figure.hidden && !one("#panel canvas").hidden);
        check("and none in the box to draw in", one("#drawn-map").hidden);
        lines.push("without a map");
    } else {
        for (const i of chosen) {
            const it = image(i), map = cifra.network.gradCam(data.network, it.pixels, it.shape, it.predicted);
            lines.push(`map ${it.number} ` + Array.from(map.values, v => v.toPrecision(7)).join(" "));
            lines.push(`mapped ${it.number}:${it.predicted}`);
            const canvas = one("#panel .map canvas"), text = one("#panel .map figcaption").textContent;
            const spoke = map.values.some(v => v > 0) ? "what" : "nothing";
            const [, H, W] = it.shape, scale = Math.max(1, Math.round(224 / Math.max(H, W)));
            const right = !figure.hidden && text === `Grad-CAM: ${spoke} spoke for ${data.classes[it.predicted]}` &&
                canvas.ariaLabel.startsWith(text) && canvas.width === W * scale && canvas.height === H * scale;
            if (!right) check(`the map of image ${it.number}`, false, text);
            heated(canvas, map, it, scale);
            one("#panel .next").click();
        }
        check("maps were shown", chosen.length > 0);
        differences(image(chosen[0]));
    }
    one("#panel .close").click();
}

/* dy/dA against central differences of the logit, at places where A is not 0. At kinks, as where values of a
 * pool are equal (white paper gives many), both may be right: a few may differ. */
function differences(it) {
    const model = cifra.report.data.network, { network } = cifra, x = network.prepare(it.pixels, it.shape, model.input);
    const { values, at, dA } = network.gradient(model, x, it.predicted), A = values[at + 1];
    const step = 1e-3 * Math.max(...A.map(Math.abs));
    const steepest = Math.max(...dA.map(Math.abs)), places = Array.from(A.keys()).filter(i => Math.abs(A[i]) > 2 * step);
    let near = 0, tried = 0;
    for (let n = 0; n < places.length; n += Math.ceil(places.length / 60)) {
        const moved = by => {
            const other = values.slice();
            other[at + 1] = A.map((v, i) => i === places[n] ? v + by : v);
            return network.run(model, other, at + 1)[model.output + 1][it.predicted];
        };
        near += Math.abs((moved(step) - moved(-step)) / (2 * step) - dA[places[n]]) <= 0.02 * steepest;
        tried++;
    }
    check("dy/dA is what differences of the logit say", tried > 10 && near >= 0.8 * tried, `${near} of ${tried}`);
    lines.push(`differences ${near} of ${tried}`);
}

/* What is hottest in the picture lies where the map is largest; nothing is hot where nothing spoke. */
function heated(canvas, map, it, scale) {
    const drawn = copied(canvas).getImageData(0, 0, canvas.width, canvas.height).data;
    const [, H, W] = it.shape, [h, w] = map.shape, largest = Math.max(...map.values), at = map.values.indexOf(largest);
    /* How much redder than blue: grey is as red as blue. */
    const red = (y, x) => drawn[4 * (y * canvas.width + x)] - drawn[4 * (y * canvas.width + x) + 2];
    if (!largest) return check("no heat where nothing spoke", drawn.every((v, i) => i % 4 || v === drawn[i + 2]));
    const y = Math.floor((Math.floor(at / w) + 0.5) / h * H * scale), x = Math.floor((at % w + 0.5) / w * W * scale);
    if (red(y, x) < 80 && it.shape[0] === 1) check(`heat of image ${it.number} lies at the map's largest`, false, red(y, x));
}

function sorting() {
    const table = one("#scores table"), header = table.tHead.rows[0].cells[3], column = row => +row.cells[3].textContent;
    header.querySelector("button").click();
    let values = Array.from(table.tBodies[0].rows, column);
    check("a table sorts upward", values.every((v, i) => !i || values[i - 1] <= v) && header.ariaSort === "ascending");
    header.querySelector("button").click();
    values = Array.from(table.tBodies[0].rows, column);
    check("and downward", values.every((v, i) => !i || values[i - 1] >= v) && header.ariaSort === "descending");
    check("averages stay below", table.tFoot.rows.length === 2);
}

/* Moves a pointer over the box, as a hand does. */
function stroke(points) {
    const box = one("#box"), at = box.getBoundingClientRect();
    box.setPointerCapture = () => {}; /* knows only pointers that exist */
    const send = (type, [x, y]) => box.dispatchEvent(new PointerEvent(type, {
        clientX: at.left + x * at.width, clientY: at.top + y * at.height, pointerId: 1, bubbles: true, cancelable: true }));
    send("pointerdown", points[0]);
    points.slice(1).forEach(point => send("pointermove", point));
    send("pointerup", points.at(-1));
}

function drawing() {
    const line = Array.from({ length: 20 }, (_, i) => [0.52 - 0.004 * i, 0.2 + 0.03 * i]);
    const ring = Array.from({ length: 40 }, (_, i) => [0.5 + 0.2 * Math.sin(i / 6.2), 0.5 - 0.3 * Math.cos(i / 6.2)]);
    stroke(line);
    lines.push("drawn line " + one("#verdict").textContent);
    check("the remark says it too", one("#draw-remark").textContent.includes(one("#verdict").textContent));
    const { pixels, shape } = cifra.drawing.prepared();
    check("the drawing has the model's size", shape[1] === cifra.report.data.network.input[1] && Math.max(...pixels) > 80);
    let mass = 0, x = 0, y = 0;
    pixels.forEach((v, i) => (mass += v, x += v * (i % shape[2] + 0.5), y += v * (Math.floor(i / shape[2]) + 0.5)));
    lines.push(`centre ${(x / mass).toFixed(2)} ${(y / mass).toFixed(2)}`);
    one("#undo").click();
    check("undo takes the stroke away", one("#verdict").textContent === "\u2013");
    stroke(ring);
    lines.push("drawn ring " + one("#verdict").textContent);
    const map = one("#drawn-map"), said = "spoke for " + one("#verdict").textContent + ".";
    check("and what spoke for it", map.hidden !== cifra.report.looks &&
        (map.hidden || map.ariaLabel.endsWith(said) && one("#drawn-map-text").textContent.endsWith(said)));
    one("#clear").click();
    check("clear clears", one("#verdict").textContent === "\u2013" && !all("#drawn-probabilities .best").length &&
        one("#drawn-map").hidden);
    one("#example").click();
    check("a test image is classified", one("#draw-remark").textContent.startsWith("Image "));
}

function scatter() {
    const [it] = cifra.scatters;
    if (!it) return;
    const { set, root } = it, within = selector => root.querySelector(selector);
    const canvas = within(".scatter"), at = canvas.getBoundingClientRect();
    let right = 0;
    for (const i of [0, 7, it.count - 1]) {
        const [x, y] = it.place(i);
        canvas.dispatchEvent(new PointerEvent("pointermove", { clientX: at.left + x, clientY: at.top + y, pointerId: 1 }));
        right += within(".scatter-text").textContent === `${set.labels[set.label[i]]}, image ${set.index[i]}`;
    }
    check("the pointer over a point shows its image", right === 3 && !within(".scatter-image").hidden, right);
    const before = it.place(0);
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft" }));
    check("arrow keys pan", it.place(0)[0] === before[0] + 40);
    within(".zoom-whole").click();
    check("and all of it comes back", Math.abs(it.place(0)[0] - before[0]) < 1e-6);
    const ink = () => copied(canvas).getImageData(0, 0, canvas.width, canvas.height).data.reduce((a, b) => a + b, 0);
    const all_ink = ink();
    within(".scatter-classes input").click();
    check("a class can be hidden", ink() < all_ink);
    within(".scatter-classes input").click();
    lines.push("points " + it.count);
}

/* What the page opens with, in its own colours. */
function opening() {
    const pictures = all("#opening .pictures > *");
    check("curves, confusion matrix, UMAP and examples open the page", pictures.length === 4 &&
        pictures[1].querySelector("#matrix") && pictures[2].querySelector(".scattered"), pictures.length);
    check("there is one confusion matrix", all("table.confusion").length === 1 &&
        !all("figcaption, caption").slice(1).some((e, i, list) => e.textContent.startsWith("Confusion matrix") && list.indexOf(e) !== i));
    check("sentences stand below", all("#opening .story li").length >= 4);
    const number = one(".facts dd"), size = element => parseFloat(getComputedStyle(element).fontSize);
    check("the first figure is the largest", all(".facts dd").slice(1).every(dd => size(dd) < size(number)));
    const ground = getComputedStyle(document.documentElement).backgroundColor, ink = getComputedStyle(document.documentElement).color;
    const figures = all("svg.figure-light");
    check("figures have the page's ground", figures.length && figures.every(svg => getComputedStyle(svg.querySelector("rect")).fill === ground));
    check("and ink", figures.every(svg => all('text[fill="#1a1c24"]', svg).every(text => getComputedStyle(text).fill === ink)));
    const dark = matchMedia("(prefers-color-scheme: dark)").matches, line = one('svg.figure-light [stroke="#3f90da"]');
    check("colours of classes are those of the scheme", getComputedStyle(line).stroke === (dark ? "rgb(88, 169, 243)" : "rgb(63, 144, 218)"));
    check("first columns stay in sight", getComputedStyle(one("#scores tbody th")).position === "sticky");
}

function probabilities() {
    lines.push("words " + cifra.report.data.network.layers.map(layer => layer.kind).join(" "));
    for (let i = 0; i < cifra.report.count; i++) {
        const it = cifra.report.image(i), p = cifra.classify(it.pixels, it.shape);
        lines.push(`image ${it.number} ` + p.map(v => v.toFixed(7)).join(" "));
    }
}

/* The images and the hash of tests/prepared_images.c. */
function preparing() {
    const largest = 40, float = new Float32Array(1), bits = new Uint32Array(float.buffer);
    const pixels = Uint8Array.from({ length: 3 * largest * (largest + 3) }, (_, i) => i * 37 + i * i % 97 * 11);
    for (const [channels, toChannels] of [[1, 1], [3, 1], [1, 3], [3, 3]])
        for (let size = 1; size <= largest; size++) {
            let hash = 2166136261;
            for (let n = 1; n <= largest; n++)
                for (const value of network.prepare(pixels, [channels, size, size + 3], [toChannels, n, n + 1])) {
                    float[0] = value;
                    hash = Math.imul(hash ^ bits[0], 16777619);
                }
            lines.push(`prepared ${channels} ${toChannels} ${size} ${(hash >>> 0).toString(16).padStart(8, "0")}`);
        }
}

function page() {
    const ids = all("[id]").map(e => e.id);
    check("ids are unique", new Set(ids).size === ids.length, ids.filter((id, i) => ids.indexOf(id) !== i).join(" "));
    check("buttons have names", all("button").every(b => b.textContent.trim() || b.ariaLabel));
    check("every reference in a figure is met", all("figure use, figure [clip-path]").every(e => {
        const to = (e.getAttribute("clip-path") || "").match(/url\(#(.*)\)/)?.[1] ?? (e.href?.baseVal || "#").slice(1);
        return document.getElementById(to);
    }));
    lines.push("figures " + all("figure svg").length);
    lines.push("background " + getComputedStyle(document.documentElement).backgroundColor);
    check("nothing is wider than the window", document.documentElement.scrollWidth <= innerWidth, document.documentElement.scrollWidth);
}

for (const part of [page, ...(one("#opening .scattered") ? [opening] : []), cells, pairs, panel, maps, sorting, drawing, scatter, probabilities, preparing]) {
    try {
        part();
    } catch (error) {
        lines.push(`error ${part.name} ${error}`);
    }
}
errors.forEach(error => lines.push("error " + error));
const results = document.createElement("pre");
results.id = "selftest";
results.textContent = "\n" + lines.join("\n") + "\nend\n";
document.body.append(results);
