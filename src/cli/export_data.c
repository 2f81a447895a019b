/* The formats of cifra export that need a run's own data: images for the generated test of C, ranges for 8-bit integers. */
#include "cli/export_formats.h"

static cf_status write_c(const ExportRequest *request, bool int8) {
    cf_c_options options = cf_c_defaults();
    options.int8 = int8;
    options.split = request->run->split;
    options.sizes = request->sizes;
    return cf_export_c(request->model, request->out, &options);
}

static cf_status write_onnx(const ExportRequest *request, bool int8) {
    const cf_onnx_options options = {.softmax = !request->logits, .int8 = int8, .split = request->run->split};
    return cf_export_onnx(request->model, request->out, &options);
}

static cf_status with_data(const ExportRequest *request, bool int8,
                           cf_status (*write)(const ExportRequest *request, bool int8)) {
    const cf_subset *images;
    const char *part;
    FAIL_IF(!request->run, CF_BAD_USE,
            "%s: --to %s takes images from the run's data for %s: the folder of a run expected, a model file found",
            request->source, request->format,
            write == write_c ? "the test that it writes" : "the ranges of its values");
    FORWARD(run_choose_images(request->run, NULL, NULL, "test", &images, &part));
    return write(request, int8);
}

cf_status export_c(const ExportRequest *request) {
    return with_data(request, false, write_c);
}

cf_status export_c_int8(const ExportRequest *request) {
    return with_data(request, true, write_c);
}

cf_status export_onnx_int8(const ExportRequest *request) {
    return with_data(request, true, write_onnx);
}
