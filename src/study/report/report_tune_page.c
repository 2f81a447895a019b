/* report.html of a tune: the pieces of report_tune.c in the template tune.html. */
#include "base/memory.h"
#include "study/report/report_inside.h"
#include "study/report/report_tune.h"

#include <stdlib.h>

typedef struct TunePage {
    const TuneResults *results;
    const char *title;
    TuneFigures figures;
} TunePage;

static void subtitle(FILE *out, const TuneResults *r) {
    fprintf(out, "%zu configuration%s of the space <em>", r->count, r->count == 1 ? "" : "s");
    html_text(out, r->space.name ? r->space.name : "?");
    fputs("</em>", out);
    if (r->data) {
        fputs(" on <em>", out);
        html_text(out, r->data);
        fputs("</em>", out);
    }
    fputs(": ", out);
    for (int p = 0; p < r->space.count; p++) {
        if (p) fputs(p + 1 == r->space.count ? " and " : ", ", out);
        fputs("<em>", out);
        html_text(out, r->space.parameters[p].name);
        fputs("</em>", out);
    }
}

static cf_status fill(FILE *out, const char *name, size_t length, const void *context) {
    const TunePage *page = context;
    if (page_place_is(name, length, "title"))
        html_text(out, page->title);
    else if (page_place_is(name, length, "subtitle"))
        subtitle(out, page->results);
    else if (page_place_is(name, length, "version"))
        html_text(out, CIFRA_VERSION);
    else if (page_place_is(name, length, "facts"))
        return section_tune_facts(out, page->results);
    else if (page_place_is(name, length, "trials"))
        return section_tune_trials(out, page->results);
    else if (page_place_is(name, length, "figures"))
        return section_tune_figures(out, &page->figures);
    else if (page_place_is(name, length, "settings"))
        section_tune_settings(out, page->results);
    else
        return FAIL(CF_INTERNAL, "tune.html asks for {{%.*s}}, which nobody writes", (int)length, name);
    return CF_OK;
}

cf_status report_tune_write(const char *folder) {
    TuneResults results = {0};
    FileDraft draft = {0};
    char *path = NULL, *figures = NULL, *real = realpath(folder, NULL); /* of "." too a name */
    cf_status status;
    FORWARD_TO(done, results_read(folder, &results));
    FORWARD_TO(done, file_join(folder, "figures", &figures));
    FORWARD_TO(done, file_join(folder, "report.html", &path));
    FORWARD_TO(done, file_draft(path, &draft));
    const TunePage page = {&results, file_base_name(real ? real : folder), {figures, "", FIGURES_LARGEST, 1}};
    FORWARD_TO(done, page_write(draft.stream, "tune.html", fill, &page));
    FORWARD_TO(done, file_commit(&draft));
done:
    file_abandon(&draft);
    results_free(&results);
    free(real);
    free(path);
    free(figures);
    return status;
}
