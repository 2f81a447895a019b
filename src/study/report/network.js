"use strict";
/* The trained network in plain JavaScript: what src/nn does, one image at a time, for looking rather than for speed.
 *
 * Values are Float32Arrays in C x H x W order; weights lie as in model.safetensors (convolutions [K][C][R][S], dense
 * [outputs][C x H x W]). Pixels are bytes in H x W x C order, as in the data set. Sums are formed in double.
 */
const network = (() => {
    /* ---- From bytes to the input (src/data/prepare.c) ---- */

    /* One axis of a resize: for each new position the old ones that it is made of, as [position, weight] pairs. Smaller is
     * the average of the area under the new pixel, an old pixel being `to` long and a new one `from`, so that every edge is a
     * whole number; larger is linear between pixel centres. Weights and sums are rounded to float32 where prepare.c has floats. */
    function axis(from, to) {
        return Array.from({ length: to }, (_, i) => {
            if (from > to) {
                const begin = i * from, end = begin + from, taps = [];
                for (let old = Math.floor(begin / to); old * to < end; old++) {
                    const cover = Math.min((old + 1) * to, end) - Math.max(old * to, begin);
                    taps.push([old, Math.fround(cover / from)]);
                }
                return taps;
            }
            const centre = Math.max(0, (i + 0.5) * from / to - 0.5), first = Math.min(Math.floor(centre), from - 1);
            const fraction = first === from - 1 ? 0 : centre - first;
            return fraction ? [[first, Math.fround(1 - fraction)], [first + 1, Math.fround(fraction)]] : [[first, 1]];
        });
    }

    function resize(plane, [H, W], [toH, toW]) {
        if (H === toH && W === toW) return plane;
        const columns = axis(W, toW), rows = axis(H, toH), wide = new Float32Array(H * toW);
        const out = new Float32Array(toH * toW);
        for (let y = 0; y < H; y++)
            for (let x = 0; x < toW; x++)
                for (const [from, weight] of columns[x])
                    wide[y * toW + x] += Math.fround(weight * plane[y * W + from]);
        for (let y = 0; y < toH; y++)
            for (const [from, weight] of rows[y])
                for (let x = 0; x < toW; x++) out[y * toW + x] += Math.fround(weight * wide[from * toW + x]);
        return out;
    }

    /* Grey is 0.299 R + 0.587 G + 0.114 B; colour from grey repeats the value. */
    function prepare(pixels, [C, H, W], [toC, toH, toW]) {
        const area = H * W, planes = [];
        for (let c = 0; c < Math.min(C, toC); c++) {
            const plane = new Float32Array(area);
            for (let i = 0; i < area; i++)
                plane[i] = C > toC ? (299 * pixels[3 * i] + 587 * pixels[3 * i + 1] + 114 * pixels[3 * i + 2]) / 255000
                                   : pixels[C * i + c] / 255;
            planes.push(resize(plane, [H, W], [toH, toW]));
        }
        const out = new Float32Array(toC * toH * toW);
        for (let c = 0; c < toC; c++) out.set(planes[Math.min(c, planes.length - 1)], c * toH * toW);
        return out;
    }

    /* ---- Layers ---- */

    function conv(x, layer, weight, bias) {
        const [C, H, W] = layer.in, [K, P, Q] = layer.out, { R, S, stride, padH, padW } = layer;
        const y = new Float32Array(K * P * Q), plane = new Float64Array(P * Q);
        for (let k = 0; k < K; k++) {
            plane.fill(bias ? bias[k] : 0);
            for (let c = 0; c < C; c++)
                for (let r = 0; r < R; r++)
                    for (let s = 0; s < S; s++) {
                        const w = weight[((k * C + c) * R + r) * S + s];
                        for (let p = 0; p < P; p++) {
                            const h = p * stride + r - padH;
                            if (h < 0 || h >= H) continue;
                            const line = (c * H + h) * W;
                            for (let q = 0, v = s - padW; q < Q; q++, v += stride)
                                if (v >= 0 && v < W) plane[p * Q + q] += w * x[line + v];
                        }
                    }
            y.set(plane, k * P * Q);
        }
        return y;
    }

    /* Padding takes no part: not in the largest, and not in what the average divides by. */
    function pool(x, layer, average) {
        const [C, H, W] = layer.in, [, P, Q] = layer.out, { R, S, stride, padH, padW } = layer;
        const y = new Float32Array(C * P * Q);
        for (let c = 0; c < C; c++)
            for (let p = 0; p < P; p++)
                for (let q = 0; q < Q; q++) {
                    let best = -Infinity, sum = 0, count = 0;
                    for (let h = Math.max(0, p * stride - padH); h < Math.min(H, p * stride - padH + R); h++)
                        for (let w = Math.max(0, q * stride - padW); w < Math.min(W, q * stride - padW + S); w++) {
                            const value = x[(c * H + h) * W + w];
                            if (value > best || Number.isNaN(value)) best = value; /* a NaN wins, as in src/nn */
                            sum += value;
                            count++;
                        }
                    y[(c * P + p) * Q + q] = average ? sum / count : best;
                }
        return y;
    }

    function batchNorm(x, layer, weight, bias, mean, variance) {
        const [C, H, W] = layer.in, area = H * W, y = new Float32Array(x.length);
        for (let c = 0; c < C; c++) {
            const scale = weight[c] / Math.sqrt(variance[c] + 1e-5), shift = bias[c] - mean[c] * scale;
            for (let i = c * area; i < (c + 1) * area; i++) y[i] = x[i] * scale + shift;
        }
        return y;
    }

    function dense(x, layer, weight, bias) {
        const K = layer.out[0], N = x.length, y = new Float32Array(K);
        for (let k = 0; k < K; k++) {
            let sum = bias ? bias[k] : 0;
            for (let i = 0, w = k * N; i < N; i++, w++) sum += weight[w] * x[i];
            y[k] = sum;
        }
        return y;
    }

    function softmax(x) {
        const largest = x.reduce((a, b) => Math.max(a, b)), e = Array.from(x, v => Math.exp(v - largest));
        const sum = e.reduce((a, b) => a + b, 0);
        return e.map(v => v / sum);
    }

    function apply(model, layer, x) {
        const of = what => tensor(model, layer, what);
        switch (layer.kind) {
        case "conv": return conv(x, layer, of("weight"), of("bias"));
        case "bn": return batchNorm(x, layer, of("weight"), of("bias"), of("running_mean"), of("running_var"));
        case "relu": return x.map(v => v > 0 ? v : v * layer.slope);
        case "maxpool": return pool(x, layer, false);
        case "avgpool": return pool(x, layer, true);
        case "dense": return dense(x, layer, of("weight"), of("bias"));
        case "dropout": return x; /* the identity outside training */
        default: throw new Error("unknown layer " + layer.kind);
        }
    }

    function tensor(model, layer, what) {
        const place = model.tensors[layer.name + "." + what];
        return place && model.weights.subarray(place[0], place[0] + place[1]);
    }

    /* All layers from number `first` on; `inputs`, where given, gets the input of each. */
    function run(model, x, first = 0, inputs = null) {
        for (const layer of model.layers.slice(first)) {
            inputs?.push(x);
            x = apply(model, layer, x);
        }
        return x;
    }

    /* Probabilities of the model's classes; `shape` is [channels, height, width] of the pixels. */
    function classify(model, pixels, shape) {
        return softmax(run(model, prepare(pixels, shape, model.input)));
    }

    /* ---- Grad-CAM: where it looks (src/eval/grad_cam.h defines the map) ---- */

    /* What flows back through a layer, from dy and the layer's input x. */
    function back(model, layer, x, dy) {
        switch (layer.kind) {
        case "bn": return backNorm(layer, tensor(model, layer, "weight"), tensor(model, layer, "running_var"), dy);
        case "relu": return dy.map((d, i) => x[i] > 0 ? d : d * layer.slope);
        case "maxpool": return backPool(x, layer, dy, false);
        case "avgpool": return backPool(x, layer, dy, true);
        case "dense": return backDense(x.length, tensor(model, layer, "weight"), dy);
        case "dropout": return dy;
        default: throw new Error("no way back through layer " + layer.kind);
        }
    }

    /* Running statistics are constants. */
    function backNorm(layer, weight, variance, dy) {
        const [, H, W] = layer.in;
        return dy.map((d, i) => {
            const c = Math.floor(i / (H * W));
            return d * weight[c] / Math.sqrt(variance[c] + 1e-5);
        });
    }

    /* To the first of the largest, or in equal shares to all. */
    function backPool(x, layer, dy, average) {
        const [C, H, W] = layer.in, [, P, Q] = layer.out, { R, S, stride, padH, padW } = layer, dx = new Float32Array(x.length);
        for (let c = 0; c < C; c++)
            for (let p = 0; p < P; p++)
                for (let q = 0; q < Q; q++) {
                    const taps = [];
                    for (let h = Math.max(0, p * stride - padH); h < Math.min(H, p * stride - padH + R); h++)
                        for (let w = Math.max(0, q * stride - padW); w < Math.min(W, q * stride - padW + S); w++)
                            taps.push((c * H + h) * W + w);
                    const d = dy[(c * P + p) * Q + q];
                    if (average) taps.forEach(i => dx[i] += d / taps.length);
                    else dx[taps.reduce((best, i) => x[i] > x[best] ? i : best)] += d;
                }
        return dx;
    }

    function backDense(N, weight, dy) {
        const dx = new Float64Array(N);
        for (let k = 0, w = 0; k < dy.length; k++)
            for (let i = 0; i < N; i++, w++) dx[i] += weight[w] * dy[k];
        return Float32Array.from(dx);
    }

    /* The number of the layer that gives A: the last convolution, or the norm and the activation directly behind it; -1: none. */
    function lookedAt(model) {
        const kinds = model.layers.map(layer => layer.kind);
        let at = kinds.lastIndexOf("conv");
        if (at >= 0 && kinds[at + 1] === "bn") at++;
        if (at >= 0 && kinds[at + 1] === "relu") at++;
        return at;
    }

    /* A and dy/dA of the class's logit y, both C x H x W, for a prepared input x. */
    function gradient(model, x, label) {
        const at = lookedAt(model), inputs = [], logits = run(model, x, 0, inputs);
        let d = new Float32Array(logits.length);
        d[label] = 1;
        for (let i = model.layers.length - 1; i > at; i--) d = back(model, model.layers[i], inputs[i], d);
        return { A: inputs[at + 1] ?? logits, dA: d, shape: model.layers[at].out, behind: at + 1 };
    }

    /* max(0, sum over channels of mean(dy/dA) x A), as { values, shape: [height, width] }; null without a convolution. */
    function gradCam(model, pixels, shape, label) {
        if (lookedAt(model) < 0) return null;
        const { A, dA, shape: [C, H, W] } = gradient(model, prepare(pixels, shape, model.input), label), area = H * W;
        const sums = new Float64Array(area);
        for (let c = 0; c < C; c++) {
            let weight = 0;
            for (let i = 0; i < area; i++) weight += dA[c * area + i] / area;
            for (let i = 0; i < area; i++) sums[i] += weight * A[c * area + i];
        }
        return { values: Float32Array.from(sums, v => Math.max(0, v)), shape: [H, W] };
    }

    return { prepare, resize, run, classify, lookedAt, gradient, gradCam };
})();
