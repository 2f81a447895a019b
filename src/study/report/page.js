"use strict";
/* What the page does when it is touched: a cell of the confusion matrix opens its images, an image opens a panel. */
const report = (() => {
    const bytes = id => {
        const element = document.getElementById(id);
        return element ? Uint8Array.from(atob(element.textContent), c => c.charCodeAt(0)) : new Uint8Array(0);
    };
    const data = JSON.parse(document.getElementById("data").textContent);
    const pixels = bytes("pixels"), probabilities = new Float32Array(bytes("probabilities").buffer);
    const likeliest = new Uint16Array(bytes("likeliest").buffer); /* of many classes; the others count as 0 */
    if (data.network) data.network.weights = new Float32Array(bytes("weights").buffer);

    /* An element with attributes and children; texts are always text. */
    function make(name, attributes = {}, ...children) {
        const element = document.createElement(name);
        for (const [key, value] of Object.entries(attributes)) {
            if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
            else element.setAttribute(key, value);
        }
        element.append(...children);
        return element;
    }

    const percent = p => !Number.isFinite(p) ? "overflow" : p >= 0.9995 && p < 1 ? "> 99.9 %" : p > 0 && p < 0.0005 ? "< 0.1 %" : (100 * p).toFixed(1) + " %";

    /* ---- Images ---- */

    const count = data.images ? data.images.index.length : 0;
    const size = data.images ? data.images.shape.reduce((a, b) => a * b) : 0;

    function image(i) {
        const listed = data.images.listed, few = probabilities.subarray(i * listed, (i + 1) * listed);
        const p = likeliest.length ? new Float32Array(data.classes.length) : few;
        if (likeliest.length) few.forEach((value, k) => p[likeliest[i * listed + k]] = value);
        return {
            number: data.images.index[i], file: data.images.file[i] ?? "", label: data.images.label[i], predicted: data.images.predicted[i],
            pixels: pixels.subarray(i * size, (i + 1) * size), shape: data.images.shape, probabilities: p,
        };
    }

    /* Grey or RGB bytes onto a canvas of their own size; style sheets enlarge it with sharp pixels. */
    function paint(canvas, values, [C, H, W]) {
        canvas.width = W;
        canvas.height = H;
        const context = canvas.getContext("2d"), picture = context.createImageData(W, H);
        for (let i = 0; i < H * W; i++)
            for (let c = 0; c < 4; c++) picture.data[4 * i + c] = c === 3 ? 255 : values[C * i + (C === 3 ? c : 0)];
        context.putImageData(picture, 0, 0);
        return canvas;
    }

    /* ---- Where the network looks ---- */

    const looks = data.network && network.lookedAt(data.network) >= 0;

    /* The image in darkened grey, enlarged, with a map over it: from nothing to yellow. False where the map has nothing. Values that
     * are not finite, of damaged weights, count as nothing. */
    function heat(canvas, values, [C, H, W], map) {
        const largest = map.values.reduce((a, b) => Math.max(a, b), 0);
        const seen = largest > 0 && largest < Infinity, times = Math.max(1, Math.round(224 / Math.max(H, W)));
        const wide = W * times, tall = H * times, picture = new Uint8ClampedArray(3 * wide * tall);
        const over = network.resize(map.values, map.shape, [tall, wide]);
        for (let i = 0; i < wide * tall; i++) {
            const from = C * (Math.floor(i / wide / times) * W + Math.floor(i % wide / times));
            const v = seen ? over[i] / largest : 0, cover = 0.8 * Math.sqrt(v), hot = [255, 60 + 170 * v, 40];
            const grey = C === 3 ? 0.299 * values[from] + 0.587 * values[from + 1] + 0.114 * values[from + 2] : values[from];
            for (let c = 0; c < 3; c++) picture[3 * i + c] = (1 - cover) * 0.65 * grey + cover * hot[c];
        }
        paint(canvas, picture, [3, tall, wide]);
        return seen;
    }

    /* ---- Bars of probabilities ---- */

    function bars(list, names, p, label) {
        const best = p.reduce((b, v, i) => v > p[b] ? i : b, 0);
        const order = Array.from(p, (_, i) => i);
        /* Many classes: the ten likeliest; few: all, in their own order, so that rows stay where they are. */
        const rows = names.length <= 12 ? order : order.sort((a, b) => p[b] - p[a]).slice(0, 10);
        list.replaceChildren(...rows.map(i => {
            const row = make("li", { class: (i === best ? "best" : "") + (i === label ? " true" : "") },
                make("span", { class: "name" }, names[i]), make("span", { class: "bar", "aria-hidden": "true" }, make("i")),
                make("span", { class: "n" }, percent(p[i])));
            row.querySelector("i").style.width = (Number.isFinite(p[i]) ? 100 * p[i] : 0) + "%";
            return row;
        }));
        return best;
    }

    /* ---- The panel of one image ---- */

    const panel = document.getElementById("panel");
    let sequence = [], at = 0;

    function fillMap(figure, it, map, text, textOfNothing) {
        const canvas = figure.querySelector("canvas"), told = heat(canvas, it.pixels, it.shape, map) ? text : textOfNothing;
        figure.querySelector("figcaption").textContent = told;
        canvas.setAttribute("aria-label", told + ", laid over the image");
        figure.hidden = false;
    }

    function fillMaps(it) {
        const [cam, rollout] = panel.querySelectorAll(".map"), name = data.classes[it.predicted];
        const shares = network.rollout(data.network, it.pixels, it.shape);
        if (looks) fillMap(cam, it, network.gradCam(data.network, it.pixels, it.shape, it.predicted),
            "Grad-CAM: what spoke for " + name, "Grad-CAM: nothing spoke for " + name);
        if (shares) fillMap(rollout, it, shares, "Attention rollout: what it attended to", "Attention rollout: overflow");
    }

    function fillPanel() {
        const it = image(sequence[at]), right = it.label === it.predicted;
        paint(panel.querySelector("canvas"), it.pixels, it.shape);
        if (data.network) fillMaps(it);
        panel.querySelector("h3").textContent = right ? data.classes[it.label] + ", recognised"
            : data.classes[it.label] + " taken for " + data.classes[it.predicted];
        panel.querySelector(".place").textContent =
            `image ${it.number} of the set${it.file && ", " + it.file}; ${at + 1} of ${sequence.length} shown`;
        bars(panel.querySelector("ol"), data.classes, it.probabilities, it.label);
    }

    function openPanel(list, position) {
        sequence = list;
        at = position;
        fillPanel();
        panel.showModal();
    }

    function step(by) {
        at = (at + by + sequence.length) % sequence.length;
        fillPanel();
    }

    panel.querySelector(".previous").addEventListener("click", () => step(-1));
    panel.querySelector(".next").addEventListener("click", () => step(1));
    panel.querySelector(".close").addEventListener("click", () => panel.close());
    panel.addEventListener("click", event => event.target === panel && panel.close());
    panel.addEventListener("keydown", event => {
        if (event.key === "ArrowLeft") step(-1);
        if (event.key === "ArrowRight") step(1);
    });

    /* ---- A cell's images ---- */

    const gallery = document.getElementById("gallery");

    function thumbnail(list, position) {
        const it = image(list[position]);
        const text = `image ${it.number}${it.file && ", " + it.file}: ${data.classes[it.label]}, said ${data.classes[it.predicted]} with ` +
            percent(it.probabilities[it.predicted]);
        return make("li", {}, make("button", { type: "button", "aria-label": text, title: text,
            onclick: () => openPanel(list, position) }, paint(make("canvas", { "aria-hidden": "true" }), it.pixels, it.shape)));
    }

    let opener = null;

    const cells = Array.from(document.querySelectorAll("#matrix button, #pairs tbody button"));

    function mark(label, predicted) {
        for (const button of cells)
            button.setAttribute("aria-expanded", +button.dataset.label === label && +button.dataset.predicted === predicted);
    }

    function openCell(label, predicted, button, focus) {
        const list = [];
        for (let i = 0; i < count; i++)
            if (data.images.label[i] === label && data.images.predicted[i] === predicted) list.push(i);
        const all = +button.dataset.count, name = data.classes[label];
        gallery.querySelector("h3").textContent = label === predicted ? `${name}, recognised`
            : `${name} taken for ${data.classes[predicted]}`;
        gallery.querySelector("p").textContent = list.length === all ? `all ${all}` : `showing ${list.length} of ${all}`;
        gallery.querySelector("ul").replaceChildren(...list.map((_, position) => thumbnail(list, position)));
        mark(label, predicted);
        gallery.hidden = false;
        opener = button;
        if (!focus) return;
        gallery.querySelector("h3").focus({ preventScroll: true });
        gallery.scrollIntoView({ block: "nearest" });
    }

    function closeGallery() {
        gallery.hidden = true;
        mark(-1, -1);
        opener?.focus();
    }

    gallery.querySelector(".close").addEventListener("click", closeGallery);
    gallery.addEventListener("keydown", event => event.key === "Escape" && closeGallery());

    for (const button of cells) {
        if (!count) {
            button.disabled = true; /* the page carries no images, and says why */
            continue;
        }
        button.setAttribute("aria-expanded", "false");
        button.setAttribute("aria-controls", "gallery");
        button.addEventListener("click", () => openCell(+button.dataset.label, +button.dataset.predicted, button, true));
        /* In the table of pairs the whole row answers. */
        button.closest("#pairs tr")?.addEventListener("click", event => event.target !== button && button.click());
    }

    /* One stop of the tab key for the whole matrix; arrow keys go from cell to cell, over the empty ones. */
    const matrix = document.getElementById("matrix");

    function beyond(button, [down, right]) {
        const cell = button.closest("td"), rows = matrix.tBodies[0].rows;
        let r = cell.parentElement.sectionRowIndex, c = cell.cellIndex;
        while (rows[r += down] && rows[r].cells[c += right]) {
            const next = rows[r].cells[c].querySelector("button");
            if (next) return next;
        }
        return null;
    }

    if (matrix && count) {
        const buttons = Array.from(matrix.querySelectorAll("button"));
        const reach = button => buttons.forEach(other => other.tabIndex = other === button ? 0 : -1);
        reach(buttons[0]);
        matrix.addEventListener("focusin", event => buttons.includes(event.target) && reach(event.target));
        matrix.addEventListener("keydown", event => {
            const way = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
            if (!way || !buttons.includes(event.target)) return;
            beyond(event.target, way)?.focus();
            event.preventDefault();
        });
    }

    /* The page opens with the commonest mistake, which also shows what a cell does. */
    const mistakes = Array.from(document.querySelectorAll("#matrix .wrong button:enabled"));
    if (mistakes.length) {
        const most = mistakes.reduce((a, b) => +b.textContent > +a.textContent ? b : a);
        openCell(+most.dataset.label, +most.dataset.predicted, most, false);
    }

    return { data, count, bytes, make, image, paint, looks, heat, bars, percent, openPanel };
})();
