/* embedding.html: any matrix in the plane, as a page in which the row under the pointer is told. */
#include "study/report/report_points.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/csv_table.h"
#include "study/report/report_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_FIELDS = 12, MOST_TEXT = 400 }; /* of a row's text: fields and bytes */

typedef struct PointsPage {
    const Embedding *embedding;
    ReportInput input; /* folder and embedding.csv alone */
    CsvTable source;   /* of a CSV file; columns 0: it is none */
    bool named;        /* its first line has names */
} PointsPage;

/* The line of names is one of the rows where there is none. */
static cf_status read_source(const char *features, PointsPage *page) {
    if (!csv_is(features)) return CF_OK;
    FORWARD(csv_table_read(features, 0, &page->source));
    page->named = page->source.rows == page->input.embedding.rows;
    return CF_OK;
}

/* "row 17, setosa: sepal_length 5.1, sepal_width 3.5 ..": as many fields as have room. */
static cf_status row_text(const PointsPage *page, size_t row, const char *label, json_t **text) {
    const CsvTable *source = &page->source;
    char line[MOST_TEXT];
    size_t used = (size_t)snprintf(line, sizeof line, "row %zu%s%.60s", row, *label ? ", " : "", label);
    for (size_t c = 0; c < source->columns && used < sizeof line; c++) {
        if (c == MOST_FIELDS) {
            snprintf(line + used, sizeof line - used, " ..");
            break;
        }
        char number[24];
        snprintf(number, sizeof number, "column %zu", c + 1);
        const char *name = page->named ? csv_table_cell(source, -1, c) : number;
        const char *cell = csv_table_cell(source, (ptrdiff_t)row - !page->named, c);
        used += (size_t)snprintf(line + used, sizeof line - used, "%s%.40s %.40s", c ? ", " : ": ", name, cell);
    }
    text_replace_controls(line);
    *text = json_text(line);
    return *text ? CF_OK : FAIL(CF_NO_MEMORY, "out of memory for the texts of rows");
}

/* The features' document with a text of each point, and names for what it calls images and has no label. */
static cf_status add_texts(json_t *features, const void *context) {
    const PointsPage *page = context;
    json_t *texts = json_array(), *labels = json_object_get(features, "labels"), *item, *text;
    const json_t *index = json_object_get(features, "index"), *label = json_object_get(features, "label");
    size_t i;
    json_object_set_new(features, "texts", texts);
    json_object_set_new(features, "noun", json_string("rows"));
    json_array_foreach(index, i, item) {
        const size_t class = (size_t)json_integer_value(json_array_get(label, i));
        FORWARD(
            row_text(page, (size_t)json_integer_value(item), json_string_value(json_array_get(labels, class)), &text));
        json_array_append_new(texts, text);
    }
    for (i = 0; i < json_array_size(labels); i++)
        if (!*json_string_value(json_array_get(labels, i))) json_array_set_new(labels, i, json_string("no label"));
    return CF_OK;
}

static void figure_of(FILE *out, const char *name, double value, const char *remark) {
    char text[32];
    if (isnan(value)) return;
    snprintf(text, sizeof text, "%.4f", value);
    html_fact(out, name, text, remark);
}

static void facts(FILE *out, const Embedding *e) {
    char text[32], remark[96];
    fputs("<dl class=\"facts\">\n", out);
    snprintf(remark, sizeof remark, "of %d values", e->input->points.dim);
    html_fact(out, "Rows", text_thousands((long long)e->input->points.n, text), remark);
    figure_of(out, "Trustworthiness", e->quality.trustworthiness, "neighbours here were neighbours before");
    figure_of(out, "Continuity", e->quality.continuity, "neighbours before are neighbours here");
    figure_of(out, "k-NN accuracy", e->quality.knn_accuracy, "the label by the neighbours\xe2\x80\x99 majority");
    figure_of(out, "Silhouette", e->quality.silhouette, "1 where classes lie apart");
    figure_of(out, "Density", e->density_correlation, "correlation of local radii");
    fputs("</dl>\n", out);
}

static cf_status fill(FILE *out, const char *name, size_t length, const void *context) {
    const PointsPage *page = context;
    const Embedding *e = page->embedding;
    if (page_place_is(name, length, "title"))
        html_print(out, "%s of %s", embedding_title(e), e->input->subject);
    else if (page_place_is(name, length, "subtitle"))
        html_print(out, "%s distance; rows count from 0", e->metric);
    else if (page_place_is(name, length, "version"))
        html_text(out, CIFRA_VERSION);
    else if (page_place_is(name, length, "facts"))
        facts(out, e);
    else if (page_place_is(name, length, "scatter"))
        return section_scatter(out, &page->input, add_texts, page);
    else
        return FAIL(CF_INTERNAL, "points.html asks for {{%.*s}}, which nobody writes", (int)length, name);
    return CF_OK;
}

cf_status report_points_write(const Embedding *embedding, const char *folder, const char *features, char **path) {
    PointsPage page = {.embedding = embedding, .input.folder = (char *)(uintptr_t)folder};
    FileDraft draft = {0};
    char *made = NULL, *table = NULL;
    cf_status status;
    FORWARD_TO(done, file_join(folder, "embedding.csv", &table));
    FORWARD_TO(done, csv_table_read(table, ',', &page.input.embedding));
    FORWARD_TO(done, read_source(features, &page));
    FORWARD_TO(done, file_join(folder, "embedding.html", &made));
    FORWARD_TO(done, file_draft(made, &draft));
    FORWARD_TO(done, page_write(draft.stream, "points.html", fill, &page));
    FORWARD_TO(done, file_commit(&draft));
    *path = made;
    made = NULL;
done:
    file_abandon(&draft);
    csv_table_free(&page.input.embedding);
    csv_table_free(&page.source);
    free(table);
    free(made);
    return status;
}
