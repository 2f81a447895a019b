"use strict";
/* The box to draw in, or to drop a picture onto. Strokes are kept as lines, so that they can be drawn again at any size, thickness
 * and place.
 *
 * For 28 x 28 grey models a drawing becomes what MNIST's digits are (LeCun et al. 1998): its longer side fits 20 pixels, and
 * its centre of mass lies in the middle. For other models the box is scaled to the model's input.
 */
const drawing = (() => {
    const box = document.getElementById("box"), model = report.data.network;
    if (!model) return null;
    const strokes = [], fine = 8; /* each pixel is the mean of fine x fine */
    const thickness = { drawn: 0.075, fitted: 2.4 }; /* of the box; in pixels of a fitted digit, as MNIST's pens */
    let current = null, picture = null, asked = 0; /* picture: { canvas, pixels, shape, name }; asked: how many were chosen */

    /* Draws all strokes through the map x -> x * scale + dx, white on black, and averages to H x W bytes. */
    function raster(H, W, scale, dx, dy, width) {
        const canvas = document.createElement("canvas");
        canvas.width = W * fine;
        canvas.height = H * fine;
        const context = canvas.getContext("2d", { willReadFrequently: true });
        context.fillStyle = "#000";
        context.fillRect(0, 0, canvas.width, canvas.height);
        trace(context, scale * fine, dx * fine, dy * fine, width * fine, "#fff");
        const drawn = context.getImageData(0, 0, canvas.width, canvas.height).data, out = new Float32Array(H * W);
        for (let y = 0; y < H * fine; y++)
            for (let x = 0; x < W * fine; x++)
                out[Math.floor(y / fine) * W + Math.floor(x / fine)] += drawn[4 * (y * W * fine + x)] / (fine * fine);
        return out;
    }

    function trace(context, scale, dx, dy, width, colour) {
        context.lineCap = context.lineJoin = "round";
        context.lineWidth = width;
        context.strokeStyle = colour;
        for (const stroke of strokes) {
            context.beginPath();
            stroke.forEach(([x, y], i) => context[i ? "lineTo" : "moveTo"](x * scale + dx, y * scale + dy));
            /* A tap is a dot: a line of no length has round ends. */
            if (stroke.length === 1) context.lineTo(stroke[0][0] * scale + dx, stroke[0][1] * scale + dy);
            context.stroke();
        }
    }

    function asMnist() {
        const xs = strokes.flat().map(p => p[0]), ys = strokes.flat().map(p => p[1]), width = thickness.fitted;
        const low = [Math.min(...xs), Math.min(...ys)], high = [Math.max(...xs), Math.max(...ys)];
        const scale = (20 - width) / Math.max(high[0] - low[0], high[1] - low[1], 0.1);
        const dx = 14 - scale * (low[0] + high[0]) / 2, dy = 14 - scale * (low[1] + high[1]) / 2;
        const first = raster(28, 28, scale, dx, dy, width);
        let mass = 0, x = 0, y = 0;
        first.forEach((v, i) => {
            mass += v;
            x += v * (i % 28 + 0.5);
            y += v * (Math.floor(i / 28) + 0.5);
        });
        return raster(28, 28, scale, dx + 14 - x / mass, dy + 14 - y / mass, width);
    }

    /* Strokes lie in the unit square. Returns grey bytes and their shape. */
    function prepared() {
        const [C, H, W] = model.input, side = Math.min(H, W);
        const grey = C === 1 && H === 28 && W === 28 ? asMnist()
            : raster(H, W, side, (W - side) / 2, (H - side) / 2, thickness.drawn * side);
        return { pixels: Uint8Array.from(grey, v => Math.round(v)), shape: [1, H, W] };
    }

    /* ---- A picture from a file, as cifra predict takes it (src/eval/predict.c, src/data/image_fit.c) ---- */

    const largest = 2048; /* a longer side is scaled by the browser first */

    /* In RGB; what is transparent is black. */
    async function decoded(file) {
        const whole = await createImageBitmap(file, { colorSpaceConversion: "none" });
        const scale = Math.min(1, largest / Math.max(whole.width, whole.height)), canvas = document.createElement("canvas");
        const W = canvas.width = Math.max(1, Math.round(whole.width * scale));
        const H = canvas.height = Math.max(1, Math.round(whole.height * scale));
        const context = canvas.getContext("2d", { willReadFrequently: true });
        context.fillRect(0, 0, W, H);
        context.drawImage(whole, 0, 0, W, H);
        const rgba = context.getImageData(0, 0, W, H).data;
        return { canvas, ...fitted(rgba, [H, W]), name: file.name };
    }

    /* The largest size within the first one that has the shape of the second. */
    function within([H, W], [h, w]) {
        const rounded = (a, b, c) => Math.max(1, Math.floor((2 * a * b + c) / (2 * c)));
        return W * h > w * H ? [H, Math.min(W, rounded(w, H, h))] : [Math.min(H, rounded(h, W, w)), W];
    }

    /* RGB bytes of the size at which the run's own pictures were read; what takes them rounds halves to even, as lrintf does. */
    function fitted(rgba, from) {
        const { fit, size } = model.reading, half = (whole, part) => Math.floor((whole - part) / 2);
        const [h, w] = fit === "crop" ? within(from, size) : from, [H, W] = fit === "pad" ? within(size, from) : size;
        const top = half(from[0], h), left = half(from[1], w), down = half(size[0], H), right = half(size[1], W);
        const pixels = new Uint8ClampedArray(3 * size[0] * size[1]), plane = new Float32Array(h * w);
        for (let c = 0; c < 3; c++) {
            for (let y = 0; y < h; y++)
                for (let x = 0; x < w; x++) plane[y * w + x] = rgba[4 * ((top + y) * from[1] + left + x) + c];
            network.resize(plane, [h, w], [H, W]).forEach((v, i) =>
                pixels[3 * ((down + Math.floor(i / W)) * size[1] + right + i % W) + c] = v);
        }
        return { pixels, shape: [3, ...size] };
    }

    /* ---- On the page ---- */

    const verdict = document.getElementById("verdict"), seen = document.getElementById("seen");
    const list = document.getElementById("drawn-probabilities"), remark = document.getElementById("draw-remark");
    const map = document.getElementById("drawn-map"), mapText = document.getElementById("drawn-map-text");
    const grey = C => C === 1 || C === 3;

    function redraw() {
        const side = Math.round(box.clientWidth * (window.devicePixelRatio || 1)) || 280;
        box.width = box.height = side;
        const context = box.getContext("2d");
        trace(context, side, 0, 0, thickness.drawn * side, getComputedStyle(box).color);
        if (!picture) return;
        const { width, height } = picture.canvas, scale = side / Math.max(width, height);
        context.drawImage(picture.canvas, (side - width * scale) / 2, (side - height * scale) / 2, width * scale, height * scale);
    }

    function showMap(pixels, shape, label) {
        if (!report.looks) return;
        const found = report.heat(map, pixels, shape, network.gradCam(model, pixels, shape, label)) ? "what" : "nothing";
        mapText.textContent = `Grad-CAM: ${found} spoke for ${model.classes[label]}.`;
        map.setAttribute("aria-label", mapText.textContent);
        map.hidden = false;
    }

    function show(pixels, shape, text) {
        report.paint(seen, pixels, shape);
        if (!model.weights.length) {
            remark.textContent = "The network answers after its first epoch.";
            return null;
        }
        const p = network.classify(model, pixels, shape);
        const best = report.bars(list, model.classes, p, -1);
        showMap(pixels, shape, best);
        verdict.textContent = model.classes[best];
        remark.textContent = text + ": " + model.classes[best] + ", " + report.percent(p[best]);
        return p;
    }

    /* Also when the network has learnt more. */
    function classifyDrawing() {
        if (picture) return show(picture.pixels, picture.shape, picture.name + " is predicted as");
        if (!strokes.length) return clear();
        const { pixels, shape } = prepared();
        return show(pixels, shape, "The network says");
    }

    function empty() {
        strokes.length = 0;
        picture = null;
        asked++; /* what is still being decoded comes too late */
    }

    function clear() {
        empty();
        redraw();
        report.bars(list, model.classes, model.classes.map(() => 0), -1);
        list.querySelectorAll(".best").forEach(row => row.classList.remove("best"));
        report.paint(seen, new Uint8Array(model.input[1] * model.input[2]), [1, model.input[1], model.input[2]]);
        map.hidden = true;
        mapText.textContent = "";
        verdict.textContent = "\u2013";
        remark.textContent = "Nothing is drawn yet.";
        return null;
    }

    async function take(file) {
        empty();
        const number = asked;
        try {
            const read = await decoded(file);
            if (asked !== number) return null;
            picture = read;
        } catch {
            if (asked !== number) return null;
            clear();
            remark.textContent = file.name + " is no picture that this browser can read.";
            return null;
        }
        redraw();
        return classifyDrawing();
    }

    function point(event) {
        const at = box.getBoundingClientRect();
        return [(event.clientX - at.left) / at.width, (event.clientY - at.top) / at.height];
    }

    box.addEventListener("pointerdown", event => {
        if (event.button) return;
        box.setPointerCapture(event.pointerId);
        if (picture) empty();
        current = [point(event)];
        strokes.push(current);
        redraw();
        event.preventDefault();
    });
    box.addEventListener("pointermove", event => {
        if (!current) return;
        const passed = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
        for (const one of passed.length ? passed : [event]) current.push(point(one));
        redraw();
    });
    for (const end of ["pointerup", "pointercancel"])
        box.addEventListener(end, () => {
            if (!current) return;
            current = null;
            classifyDrawing();
        });

    document.getElementById("clear").addEventListener("click", clear);
    document.getElementById("undo").addEventListener("click", () => {
        strokes.pop();
        picture = null;
        redraw();
        classifyDrawing();
    });
    /* Also the way in for whoever cannot draw. */
    const example = document.getElementById("example");
    example.hidden = !report.count || !grey(model.input[0]);
    example.addEventListener("click", () => {
        const it = report.image(Math.floor(Math.random() * report.count));
        empty();
        redraw();
        show(it.pixels, it.shape, `Image ${it.number} of the set, a ${report.data.classes[it.label]}, is predicted as`);
    });
    const chosen = document.getElementById("picture");
    document.getElementById("choose").addEventListener("click", () => chosen.click());
    chosen.addEventListener("change", () => chosen.files[0] && take(chosen.files[0]));
    box.addEventListener("dragover", event => event.preventDefault());
    box.addEventListener("drop", event => {
        event.preventDefault();
        if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
    window.addEventListener("resize", redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    clear();

    /* Draws lines given as lists of [x, y] in the unit square, and classifies them. */
    function draw(lines) {
        empty();
        strokes.push(...lines);
        redraw();
        return classifyDrawing();
    }

    return { draw, clear, prepared, take, again: () => (strokes.length || picture) && classifyDrawing() };
})();
