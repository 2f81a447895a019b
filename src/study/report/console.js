"use strict";
/* For whoever opens the console: cifra.classify(bytes, [channels, height, width]) gives the network's probabilities. */
window.cifra = {
    report, network, drawing, scatters: features,
    classify: (pixels, shape) => network.classify(report.data.network, pixels, shape),
};
