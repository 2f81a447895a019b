/* cifra export --to c: the images of the generated test come from the run's own data. */
#include "cli/export_formats.h"
#include "study/run/run.h"

static cf_status export_run(const ExportRequest *request, bool int8) {
    const cf_subset *images;
    const char *part;
    Run *run;
    cf_c_options options = cf_c_defaults();
    options.int8 = int8;
    FAIL_IF(!file_is_folder(request->run), CF_BAD_USE,
            "%s: --to c takes images from the run's data for the test that it writes: the folder of a run expected, a "
            "model file found",
            request->run);
    FORWARD(run_open(request->run, &run));
    cf_status status = run_choose_images(run, NULL, NULL, "test", &images, &part);
    options.split = run->split;
    if (!status) status = cf_export_c(run->model, request->out, &options);
    run_free(run);
    return status;
}

cf_status export_c(const ExportRequest *request) {
    return export_run(request, false);
}

cf_status export_c_int8(const ExportRequest *request) {
    return export_run(request, true);
}
