/* report.html of a run. */
#include "study/report/report.h"

#include "base/memory.h"
#include "study/report/report_inside.h"

#include <stdlib.h>

static void subtitle(FILE *out, const ReportInput *input) {
    const char *data = json_string_value(json_object_get(input->config, "data"));
    const char *model = json_string_value(json_object_get(input->config, "model"));
    fputs("The model <em>", out);
    html_text(out, model ? model : "?");
    fputs("</em> on <em>", out);
    html_text(out, data ? data : "?");
    fputs("</em>", out);
}

typedef struct ReportContent {
    const ReportInput *input;
    const ReportImages *images;
    size_t *bytes; /* left for figures */
} ReportContent;

static cf_status fill(FILE *out, const char *name, size_t length, const void *context) {
    const ReportContent *content = context;
    const ReportInput *input = content->input;
    const char *version = json_string_value(json_object_get(input->config, "version"));
    if (page_place_is(name, length, "title"))
        html_text(out, input->name);
    else if (page_place_is(name, length, "subtitle"))
        subtitle(out, input);
    else if (page_place_is(name, length, "version"))
        html_text(out, version ? version : "?");
    else if (page_place_is(name, length, "network"))
        fputs(report_has_network(input) ? "" : "hidden", out);
    else if (page_place_is(name, length, "curves"))
        return opening_figure(out, input, "curves.svg", content->bytes);
    else if (page_place_is(name, length, "umap"))
        return opening_umap(out, input, content->bytes);
    else if (page_place_is(name, length, "examples"))
        return opening_figure(out, input, "misclassified.svg", content->bytes);
    else if (page_place_is(name, length, "sentences"))
        section_sentences(out, input);
    else if (page_place_is(name, length, "facts"))
        section_facts(out, input);
    else if (page_place_is(name, length, "run"))
        return section_run(out, input);
    else if (page_place_is(name, length, "scores"))
        section_scores(out, input);
    else if (page_place_is(name, length, "sureness"))
        section_sureness(out, input);
    else if (page_place_is(name, length, "confusion"))
        return section_confusion(out, input, content->images);
    else if (page_place_is(name, length, "history"))
        section_history(out, input);
    else if (page_place_is(name, length, "figures"))
        return section_figures(out, input, content->bytes);
    else if (page_place_is(name, length, "data"))
        return data_scripts(out, input, content->images);
    else
        return FAIL(CF_INTERNAL, "page.html asks for {{%.*s}}, which nobody writes", (int)length, name);
    return CF_OK;
}

/* What is left for images, in bytes before base64, when weights and figures are in; the rest of the page takes less
 * than OTHERS. */
static size_t room_for_images(const ReportInput *input) {
    enum { OTHERS = 800000 };
    size_t weights = report_has_network(input) ? input->model->parameters.total * sizeof(float) / 3 * 4 : 0;
    size_t figures = 0;
    for (size_t i = 0; i < input->figure_count; i++) figures += input->figures[i].bytes;
    if (figures > FIGURES_LARGEST) figures = FIGURES_LARGEST;
    /* Prefixed ids make figures a little longer. */
    size_t features = report_features_bytes(input) / 3 * 4;
    size_t used = OTHERS + features + weights + figures + figures / 8,
           room = used < REPORT_LARGEST ? (REPORT_LARGEST - used) / 4 * 3 : 0;
    return room < IMAGES_LARGEST ? room : IMAGES_LARGEST;
}

cf_status report_write(const char *folder, const cf_set *set, const char *data_dir) {
    ReportInput input = {0};
    ReportImages images = {0};
    FileDraft draft = {0};
    char *path = NULL;
    size_t bytes = FIGURES_LARGEST;
    cf_status status;
    FORWARD_TO(done, report_input_read(folder, set, data_dir, &input));
    FORWARD_TO(done, report_images_choose(&input, room_for_images(&input), &images));
    FORWARD_TO(done, file_join(folder, "report.html", &path));
    FORWARD_TO(done, file_draft(path, &draft));
    FORWARD_TO(done, page_write(draft.stream, "page.html", fill, &(ReportContent){&input, &images, &bytes}));
    long size = ftell(draft.stream);
    FORWARD_TO(done, file_commit(&draft));
    if (size > REPORT_LARGEST) /* thousands of epochs, or hundreds of classes */
        notice("%s has %.1f MB: its tables are that large", path, (double)size / 1e6);
done:
    file_abandon(&draft);
    free(images.list);
    report_input_free(&input);
    free(path);
    return status;
}
