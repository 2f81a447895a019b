/* report.html of a run. */
#include "study/report/report.h"

#include "base/memory.h"
#include "study/report/report_inside.h"

#include <stdlib.h>

static const char *config_text(const ReportInput *input, const char *key) {
    const char *text = json_string_value(json_object_get(input->config, key));
    return text ? text : "?";
}

typedef struct ReportContent {
    const ReportInput *input;
    const ReportImages *images;
    size_t *bytes; /* left for figures */
} ReportContent;

static cf_status write_place(FILE *out, const char *name, size_t length, const void *context) {
    const ReportContent *content = context;
    const ReportInput *input = content->input;
    if (page_place_is(name, length, "title"))
        html_text(out, input->name);
    else if (page_place_is(name, length, "subtitle"))
        html_write(out, "The model <em>%s</em> on <em>%s</em>", config_text(input, "model"), config_text(input, "data"));
    else if (page_place_is(name, length, "run-version"))
        html_text(out, config_text(input, "version"));
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
        return page_unknown_place("page.html", name, length);
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
    AUTO(report_input_free) ReportInput input = {0};
    AUTO(report_images_free) ReportImages images = {0};
    size_t bytes = FIGURES_LARGEST;
    FORWARD(report_input_read(folder, set, data_dir, &input));
    FORWARD(report_images_choose(&input, room_for_images(&input), &images));
    return page_report(folder, "page.html", write_place, &(ReportContent){&input, &images, &bytes});
}
