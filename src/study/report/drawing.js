"use strict";
/* The box to draw in. Strokes are kept as lines, so that they can be drawn again at any size, thickness and place.
 *
 * For 28 x 28 grey models a drawing becomes what MNIST's digits are (LeCun et al. 1998): its longer side fits 20 pixels, and
 * its centre of mass lies in the middle. For other models the box is scaled to the model's input.
 */
const drawing = (() => {
    const box = document.getElementById("box"), model = report.data.network;
    if (!model) return null;
    const strokes = [], fine = 8; /* each pixel is the mean of fine x fine */
    const thickness = { drawn: 0.075, fitted: 2.4 }; /* of the box; in pixels of a fitted digit, as MNIST's pens */
    let current = null;

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

    /* ---- On the page ---- */

    const verdict = document.getElementById("verdict"), seen = document.getElementById("seen");
    const list = document.getElementById("drawn-probabilities"), remark = document.getElementById("draw-remark");
    const map = document.getElementById("drawn-map"), mapText = document.getElementById("drawn-map-text");
    const grey = C => C === 1 || C === 3;

    function redraw() {
        const side = Math.round(box.clientWidth * (window.devicePixelRatio || 1)) || 280;
        box.width = box.height = side;
        trace(box.getContext("2d"), side, 0, 0, thickness.drawn * side, getComputedStyle(box).color);
    }

    function showMap(pixels, shape, label) {
        if (!report.looks) return;
        const found = report.heat(map, pixels, shape, network.gradCam(model, pixels, shape, label)) ? "what" : "nothing";
        mapText.textContent = `Grad-CAM: ${found} spoke for ${model.classes[label]}.`;
        map.setAttribute("aria-label", mapText.textContent);
        map.hidden = false;
    }

    function show(pixels, shape, text) {
        const p = network.classify(model, pixels, shape);
        const best = report.bars(list, model.classes, p, -1);
        report.paint(seen, pixels, shape);
        showMap(pixels, shape, best);
        verdict.textContent = model.classes[best];
        remark.textContent = text + ": " + model.classes[best] + ", " + report.percent(p[best]);
        return p;
    }

    function classifyDrawing() {
        if (!strokes.length) return clear();
        const { pixels, shape } = prepared();
        return show(pixels, shape, "The network says");
    }

    function clear() {
        strokes.length = 0;
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

    function point(event) {
        const at = box.getBoundingClientRect();
        return [(event.clientX - at.left) / at.width, (event.clientY - at.top) / at.height];
    }

    box.addEventListener("pointerdown", event => {
        if (event.button) return;
        box.setPointerCapture(event.pointerId);
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
        redraw();
        classifyDrawing();
    });
    /* Also the way in for whoever cannot draw. */
    const example = document.getElementById("example");
    example.hidden = !report.count || !grey(model.input[0]);
    example.addEventListener("click", () => {
        const it = report.image(Math.floor(Math.random() * report.count));
        strokes.length = 0;
        redraw();
        show(it.pixels, it.shape, `Image ${it.number} of the set, a ${report.data.classes[it.label]}, is taken for`);
    });
    window.addEventListener("resize", redraw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
    clear();

    /* Draws lines given as lists of [x, y] in the unit square, and classifies them. */
    function draw(lines) {
        strokes.splice(0, strokes.length, ...lines);
        redraw();
        return classifyDrawing();
    }

    return { draw, clear, prepared };
})();
