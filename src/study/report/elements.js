"use strict";
/* What the scripts of all pages make elements and pictures with. */
const elements = (() => {
    /* The bytes that a script element within `root` carries. */
    const bytes = (selector, root = document) => {
        const element = root.querySelector(selector);
        return element ? Uint8Array.from(atob(element.textContent), c => c.charCodeAt(0)) : new Uint8Array(0);
    };

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

    return { bytes, make, paint };
})();
