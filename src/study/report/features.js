"use strict";
/* Scatters of features: each point an image, where the network's last hidden layer puts it. Drawn on a canvas; the point
 * under the pointer shows its image; wheel, drag, two fingers, keys and buttons move about. */
function scatterOf(root) {
    const one = name => root.querySelector("." + name), set = JSON.parse(one("scatter-data").textContent);
    const canvas = one("scatter"), filter = one("scatter-classes"), seen = one("scatter-image"), caption = one("scatter-text");
    const { bytes, make, paint } = elements;
    const points = new Float32Array(bytes(".points", root).buffer), thumbnails = bytes(".point-images", root);
    const noun = set.noun ?? "images", count = set.index.length, size = set.shape ? set.shape.reduce((a, b) => a * b) : 0;
    /* The classes' colours are those of the figures, on light and dark. */
    const dark = matchMedia("(prefers-color-scheme: dark)");
    let onPaper = false;
    const colour = label => {
        const colours = set.colours[dark.matches && !onPaper ? "dark" : "light"];
        return colours[label % colours.length];
    };
    /* Marks as the figures have them: a disc for as many classes as there are colours, another shape for each so many more. */
    const shape = label => set.shapes[Math.floor(label / set.colours.light.length) % set.shapes.length];
    function mark(context, label, x, y, radius) {
        const outline = shape(label);
        if (outline.length) {
            outline.forEach(([dx, dy], i) => context[i ? "lineTo" : "moveTo"](x + radius * dx, y + radius * dy));
            context.closePath();
        } else {
            context.moveTo(x + radius, y);
            context.arc(x, y, radius, 0, 7);
        }
    }
    const shown = set.labels.map(() => true), members = set.labels.map(() => []);
    set.label.forEach((label, i) => members[label].push(i));

    /* ---- From points to the canvas ---- */

    let view, picked = -1;

    function whole() {
        let low = [Infinity, Infinity], high = [-Infinity, -Infinity];
        for (let i = 0; i < 2 * count; i++) {
            low[i % 2] = Math.min(low[i % 2], points[i]);
            high[i % 2] = Math.max(high[i % 2], points[i]);
        }
        const width = canvas.clientWidth || 600, height = canvas.clientHeight || 450;
        const scale = 0.92 * Math.min(width / (high[0] - low[0] || 1), height / (high[1] - low[1] || 1));
        view = { scale, x: width / 2 - scale * (low[0] + high[0]) / 2, y: height / 2 + scale * (low[1] + high[1]) / 2 };
    }

    const placeX = i => points[2 * i] * view.scale + view.x, placeY = i => view.y - points[2 * i + 1] * view.scale;

    const median = values => values.sort((a, b) => a - b)[values.length >> 1];

    /* Each class's name at the median of its points, unless another's is in the way: zooming in makes room. */
    function drawNames(context) {
        const style = getComputedStyle(canvas), boxes = [];
        context.font = `600 12px ${style.fontFamily}`;
        context.textAlign = "center";
        context.textBaseline = "middle";
        context.lineJoin = "round";
        context.lineWidth = 4;
        context.strokeStyle = getComputedStyle(document.documentElement).backgroundColor;
        context.fillStyle = style.color;
        for (const [label, own] of members.entries()) {
            if (!shown[label] || !own.length) continue;
            const x = median(own.map(placeX)), y = median(own.map(placeY)), half = context.measureText(set.labels[label]).width / 2 + 2;
            if (boxes.some(b => Math.abs(b.y - y) < 14 && Math.abs(b.x - x) < b.half + half)) continue;
            boxes.push({ x, y, half });
            context.strokeText(set.labels[label], x, y);
            context.fillText(set.labels[label], x, y);
        }
    }

    function redraw() {
        const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth, height = canvas.clientHeight;
        canvas.width = width * ratio;
        canvas.height = height * ratio;
        const context = canvas.getContext("2d"), radius = Math.max(2.2, Math.min(5, 110 / Math.sqrt(count)));
        context.scale(ratio, ratio);
        context.globalAlpha = count > 3000 ? 0.55 : 0.75;
        for (let label = 0; label < shown.length; label++) {
            if (!shown[label]) continue;
            context.fillStyle = colour(label);
            context.beginPath();
            for (let i = 0; i < count; i++) {
                if (set.label[i] !== label) continue;
                mark(context, label, placeX(i), placeY(i), radius);
            }
            context.fill();
        }
        context.globalAlpha = 1;
        drawNames(context);
        if (picked < 0) return;
        context.strokeStyle = getComputedStyle(canvas).color;
        context.lineWidth = 2;
        context.beginPath();
        context.arc(placeX(picked), placeY(picked), radius + 4, 0, 7);
        context.stroke();
    }

    /* ---- The point under the pointer ---- */

    function nearest(x, y, within) {
        let best = -1, least = within * within;
        for (let i = 0; i < count; i++) {
            const d = (placeX(i) - x) ** 2 + (placeY(i) - y) ** 2;
            if (shown[set.label[i]] && d < least) [best, least] = [i, d];
        }
        return best;
    }

    function pick(i) {
        if (i === picked || i < 0) return;
        picked = i;
        if (size) paint(seen, thumbnails.subarray(i * size, (i + 1) * size), set.shape);
        seen.hidden = !size;
        caption.textContent = set.texts?.[i] ?? `${set.labels[set.label[i]]}, image ${set.index[i]}`;
        redraw();
    }

    /* ---- Moving about ---- */

    function zoom(factor, x = canvas.clientWidth / 2, y = canvas.clientHeight / 2) {
        view = { scale: view.scale * factor, x: x + (view.x - x) * factor, y: y + (view.y - y) * factor };
        redraw();
    }

    function pan(dx, dy) {
        view.x += dx;
        view.y += dy;
        redraw();
    }

    const fingers = new Map();
    const at = event => {
        const box = canvas.getBoundingClientRect();
        return [event.clientX - box.left, event.clientY - box.top];
    };
    canvas.addEventListener("pointerdown", event => {
        canvas.setPointerCapture(event.pointerId);
        fingers.set(event.pointerId, at(event));
    });
    canvas.addEventListener("pointermove", event => {
        const [x, y] = at(event), before = fingers.get(event.pointerId);
        if (!before) return pick(nearest(x, y, 14));
        const other = Array.from(fingers).find(([id]) => id !== event.pointerId)?.[1];
        fingers.set(event.pointerId, [x, y]);
        if (!other) return pan(x - before[0], y - before[1]);
        const apart = p => Math.hypot(p[0] - other[0], p[1] - other[1]) || 1;
        zoom(apart([x, y]) / apart(before), other[0], other[1]);
    });
    for (const end of ["pointerup", "pointercancel"])
        canvas.addEventListener(end, event => {
            fingers.delete(event.pointerId);
            pick(nearest(...at(event), 14));
        });
    canvas.addEventListener("wheel", event => {
        event.preventDefault();
        zoom(Math.exp(-0.0015 * event.deltaY), ...at(event));
    }, { passive: false });
    canvas.addEventListener("keydown", event => {
        const step = 40, moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
        if (moves[event.key]) pan(...moves[event.key]);
        else if (event.key === "+" || event.key === "=") zoom(1.3);
        else if (event.key === "-") zoom(1 / 1.3);
        else if (event.key === "0") reset();
        else if (event.key !== "Enter" && event.key !== " ") return;
        if (event.key === "Enter" || event.key === " ")
            pick(nearest(canvas.clientWidth / 2, canvas.clientHeight / 2, Infinity));
        event.preventDefault();
    });

    function reset() {
        whole();
        redraw();
    }

    one("zoom-in").addEventListener("click", () => zoom(1.4));
    one("zoom-out").addEventListener("click", () => zoom(1 / 1.4));
    one("zoom-whole").addEventListener("click", reset);

    /* ---- Which classes ---- */

    const marks = set.labels.map((_, label) => {
        const canvas = make("canvas", { "aria-hidden": "true", width: 24, height: 24 });
        return [canvas, () => {
            const context = canvas.getContext("2d");
            context.clearRect(0, 0, 24, 24);
            context.fillStyle = colour(label);
            context.beginPath();
            mark(context, label, 12, 12, 7);
            context.fill();
        }];
    });
    const repaint = () => {
        marks.forEach(([, draw]) => draw());
        redraw();
    };
    /* So many boxes are no choice. */
    const most = set.colours.light.length * set.shapes.length;
    filter.closest("fieldset").hidden = set.labels.length > most || set.labels.length < 2;
    if (set.labels.length <= most) filter.append(...set.labels.map((name, label) => {
        const box = make("input", { type: "checkbox", onchange: () => {
            shown[label] = box.checked;
            redraw();
        } });
        box.checked = true;
        return make("label", { title: name }, box, marks[label][0], make("span", {}, name));
    }));
    one("scatter-count").textContent =
        count === set.all ? `${count} ${noun}.` : `Showing ${count} of ${set.all} ${noun}, taken evenly.`;
    /* A page of a study that is not shown has no size yet. */
    new ResizeObserver(() => canvas.clientWidth && reset()).observe(canvas);
    dark.addEventListener("change", repaint);
    for (const [event, paper] of [["beforeprint", true], ["afterprint", false]])
        window.addEventListener(event, () => {
            onPaper = paper;
            repaint();
        });
    reset();
    repaint();
    return { place: i => [placeX(i), placeY(i)], count, set, root };
}
const features = Array.from(document.querySelectorAll(".scattered"), scatterOf);
