"use strict";
/* What a page with a network carries, and how it shows it: images, maps, bars of probabilities. */
const report = (() => {
    const { bytes, make, paint } = elements;
    const data = JSON.parse(document.getElementById("data").textContent);
    const pixels = bytes("#pixels"), probabilities = new Float32Array(bytes("#probabilities").buffer);
    const likeliest = new Uint16Array(bytes("#likeliest").buffer); /* of many classes; the others count as 0 */
    if (data.network) data.network.weights = new Float32Array(bytes("#weights").buffer);

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

    return { data, count, bytes, make, image, paint, looks, heat, bars, percent };
})();
