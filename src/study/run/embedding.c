#include "study/run/embedding.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "data/npy.h"
#include "draw/charts.h"
#include "nn/features.h"

#include <math.h>
#include <string.h>

cf_status embedding_fit(Embedding *embedding, const UmapOptions *options) {
    AUTO(umap_free_at) Umap *umap = NULL;
    FORWARD(points_check(&embedding->input->points, embedding->input->subject));
    FORWARD(umap_fit(&embedding->input->points, options, &umap));
    return embedding_take(embedding, umap);
}

cf_status embedding_take(Embedding *embedding, const Umap *umap) {
    const size_t count = umap->n * (size_t)umap->options.components;
    FORWARD(memory_copy(umap->embedding, count, sizeof(float), &embedding->coordinates));
    memcpy(embedding->init_used, umap->init_used, sizeof embedding->init_used);
    embedding->components = umap->options.components;
    embedding->neighbors_method = umap->neighbors_method;
    embedding->metric = metric_names[umap->options.metric];
    embedding->seconds.neighbors = umap->seconds[UMAP_NEIGHBORS];
    embedding->seconds.graph = umap->seconds[UMAP_GRAPH];
    embedding->seconds.init = umap->seconds[UMAP_START];
    embedding->seconds.layout = umap->seconds[UMAP_LAYOUT];
    return CF_OK;
}

cf_status embedding_judge(Embedding *embedding, const QualityOptions *options) {
    const EmbedInput *input = embedding->input;
    const Points plane = {embedding->coordinates, input->points.n, embedding->components};
    Sha256 *sha;
    FORWARD(points_check(&plane, "the embedding"));
    FORWARD(quality_measure(&input->points, &plane, input->known.labels, options, &embedding->quality));
    FORWARD(sha256_new(&sha));
    const cf_status status = sha256_add(sha, plane.values, plane.n * (size_t)plane.dim * sizeof *plane.values);
    if (status) sha256_free(sha);
    return status ? status : sha256_finish(sha, embedding->sha256);
}

void embedding_free(Embedding *embedding) {
    memory_free(&embedding->coordinates);
}

/* ---- Files ---- */

static float component(const Embedding *embedding, size_t i, int c) {
    return c < embedding->components ? embedding->coordinates[i * (size_t)embedding->components + (size_t)c] : 0;
}

static const char *class_of(const Embedding *embedding, size_t i) {
    const EmbedInput *input = embedding->input;
    return input->known.labels && input->known.labels[i] >= 0 ? input->known.names[input->known.labels[i]] : "";
}

static cf_status write_table(const Embedding *embedding, const char *path) {
    const EmbedInput *input = embedding->input;
    FileDraft draft;
    FORWARD(file_draft(path, &draft));
    fputs("x,y,label,image", draft.stream);
    if (embedding->components > 2) fputs(",z", draft.stream);
    for (int c = 3; c < embedding->components; c++) fprintf(draft.stream, ",c%d", c + 1);
    fputc('\n', draft.stream);
    for (size_t i = 0; i < input->points.n; i++) {
        /* Nine digits give the float back. */
        fprintf(draft.stream, "%.9g,%.9g,", (double)component(embedding, i, 0), (double)component(embedding, i, 1));
        csv_text(draft.stream, class_of(embedding, i));
        fprintf(draft.stream, ",%zu", input->images ? (size_t)input->images[i] : i);
        for (int c = 2; c < embedding->components; c++)
            fprintf(draft.stream, ",%.9g", (double)component(embedding, i, c));
        fputc('\n', draft.stream);
    }
    return file_commit(&draft);
}

/* ---- The figure ---- */

static cf_status draw_scatter(Canvas *canvas, const Theme *theme, Box box, const void *content) {
    return scatter_plot_draw(canvas, theme, box, content);
}

const char *embedding_title(const Embedding *embedding) {
    if (strcmp(embedding->method, "pca") == 0) return "PCA";
    return isnan(embedding->density_correlation) ? "UMAP" : "densMAP";
}

/* Points without a label are drawn in the colour behind the last class. More classes than a legend can name share the colours, and
 * have no legend. */
static void fill_plot(const Embedding *embedding, float *points, unsigned char *labels, const char **names,
                      ScatterPlot *plot) {
    const EmbedInput *input = embedding->input;
    const bool named = input->known.classes > 0 && input->known.classes < SCATTER_CLASSES;
    bool unknown = false;
    for (size_t i = 0; i < input->points.n; i++) {
        bool known = input->known.labels && input->known.labels[i] >= 0;
        for (int c = 0; c < 2; c++) points[2 * i + (size_t)c] = component(embedding, i, c);
        const int colour = known ? input->known.labels[i] : input->known.classes;
        labels[i] = (unsigned char)(named ? colour : colour % CLASS_COLOURS);
        unknown |= !known;
    }
    plot->count = input->points.n;
    plot->points = points;
    plot->labels = labels;
    plot->class_names = names;
    if (!named) return;
    for (int c = 0; c < input->known.classes; c++) names[c] = input->known.names[c];
    names[input->known.classes] = "no label";
    plot->classes = input->known.classes + unknown;
    plot->names_inside = true;
}

static cf_status draw_figure(const Embedding *embedding, const FigureBook *book) {
    AUTO_FREE float *points = NULL;
    AUTO_FREE unsigned char *labels = NULL;
    const char *names[SCATTER_CLASSES], *origin = embedding->input->origin;
    char title[300];
    ScatterPlot plot = {.title = title};
    const size_t n = embedding->input->points.n;
    snprintf(title, sizeof title, "%s of %s%s%s", embedding_title(embedding), embedding->input->subject,
             *origin ? ": " : "", origin);
    FORWARD(memory_new(n, 2 * sizeof *points, &points));
    FORWARD(memory_new(n, 1, &labels));
    fill_plot(embedding, points, labels, names, &plot);
    return book_draw(book, embedding->method, 430, 470, draw_scatter, &plot);
}

static cf_status make_figure(const Embedding *embedding, const EmbeddingPlace *place, FigureList *files) {
    AUTO_FREE char *folder = NULL, *path = NULL;
    if (!place->formats) return CF_OK;
    FORWARD(file_join(place->folder, "figures", &folder));
    const FigureBook book = {folder, place->suffix, embedding->input->subject, place->formats, files};
    FORWARD(file_make_folder(folder));
    FORWARD(memory_print(&path, "%s/%s%s.csv", folder, embedding->method, place->suffix));
    FORWARD(write_table(embedding, path));
    return draw_figure(embedding, &book);
}

cf_status embedding_write(const Embedding *embedding, const EmbeddingPlace *place, FigureList *files) {
    AUTO_FREE char *folder = NULL, *table = NULL, *matrix = NULL;
    FORWARD(file_trim(place->folder, &folder));
    FORWARD(file_make_folder(folder));
    FORWARD(memory_print(&table, "%s/embedding%s.csv", folder, place->suffix));
    FORWARD(memory_print(&matrix, "%s/embedding%s.npy", folder, place->suffix));
    FORWARD(write_table(embedding, table));
    FORWARD(figure_list_add(files, memory_take(&table)));
    FORWARD(npy_write_rows(matrix, embedding->coordinates, embedding->input->points.n, embedding->components));
    FORWARD(figure_list_add(files, memory_take(&matrix)));
    return make_figure(embedding, &(EmbeddingPlace){folder, place->suffix, place->formats}, files);
}

/* ---- Of a run ---- */

cf_status embedding_of_run(const Run *run, unsigned formats, FigureList *files) {
    enum { MOST_IMAGES = 2000, LEAST_IMAGES = 20 };
    const cf_subset *test = cf_split_part(run->split, CF_TEST);
    const EmbeddingPlace place = {run->folder, "", formats};
    AUTO(embed_input_free) EmbedInput input = {0};
    AUTO(embedding_free) Embedding embedding = {.input = &input, .method = "umap"};
    UmapOptions options = umap_options_defaults();
    cf_subset some;
    int layer;
    options.seed = run->config.train.seed;
    options.threads = run->threads;
    if (test->count < LEAST_IMAGES || features_layer(run->model, NULL, &layer)) return CF_OK;
    FORWARD(subset_thin(test, MOST_IMAGES, &some));
    AUTO_FREE uint32_t *images = some.images;
    FORWARD(embed_input_from_images(run, &some, &input));
    FORWARD(embedding_fit(&embedding, &options));
    return embedding_write(&embedding, &place, files);
}

/* ---- What is told ---- */

static void print_quality(const Embedding *embedding, FILE *out) {
    const Quality *q = &embedding->quality;
    size_t n = embedding->input->points.n;
    if (!isnan(q->trustworthiness))
        fprintf(out, "trustworthiness    %.4f\ncontinuity         %.4f   k = %d, %s%zu points\n", q->trustworthiness,
                q->continuity, q->k, q->rank_points < n ? "a sample of " : "all ", q->rank_points);
    if (!isnan(q->knn_accuracy))
        fprintf(out, "k-NN accuracy      %.4f   of %zu labelled points by %d neighbours in the embedding\n",
                q->knn_accuracy, q->plane_points, q->k);
    if (!isnan(q->silhouette)) fprintf(out, "silhouette         %.4f\n", q->silhouette);
    if (!isnan(embedding->density_correlation))
        fprintf(out, "density            %.4f   correlation of the local radii before and after\n",
                embedding->density_correlation);
}

void embedding_print(const Embedding *embedding, FILE *out) {
    const EmbedInput *input = embedding->input;
    const EmbeddingTimes *s = &embedding->seconds;
    fprintf(out, "%s of %s: %zu x %d%s%s%s, %d component%s\n\n", embedding->method, input->subject, input->points.n,
            input->points.dim, *input->origin ? " (" : "", input->origin, *input->origin ? ")" : "",
            embedding->components, embedding->components == 1 ? "" : "s");
    if (*embedding->neighbors_method)
        fprintf(out, "neighbours         %s, %s\n", embedding->neighbors_method, embedding->metric);
    if (*embedding->init_used) fprintf(out, "first coordinates  %s\n", embedding->init_used);
    if (embedding->fitted && *embedding->neighbors_method)
        fprintf(out, "fitted to          %zu rows drawn at random; the others are put into their embedding\n",
                embedding->fitted);
    if (strcmp(embedding->method, "pca") == 0) {
        fputs("explained          ", out);
        for (int c = 0; c < embedding->components; c++) fprintf(out, "%s%.4f", c ? " " : "", embedding->explained[c]);
        fputs(" of the variance\n", out);
    }
    print_quality(embedding, out);
    fputs("seconds            ", out);
    if (s->features > 0) fprintf(out, "features %.2f, ", s->features);
    if (s->layout > 0)
        fprintf(out, "neighbours %.2f, graph %.2f, init %.2f, layout %.2f, ", s->neighbors, s->graph, s->init,
                s->layout);
    fprintf(out, "fit %.2f, quality %.2f\n", s->total, s->quality);
    fprintf(out, "points             sha256 %s\n", embedding->sha256);
}

cf_status embedding_json(const Embedding *embedding, json_t **json) {
    const EmbedInput *input = embedding->input;
    const EmbeddingTimes *s = &embedding->seconds;
    const Quality *q = &embedding->quality;
    json_t *explained = json_array();
    for (int c = 0; c < embedding->components && strcmp(embedding->method, "pca") == 0; c++)
        json_array_append_new(explained, json_real(embedding->explained[c]));
    json_t *made = json_pack(
        "{s:o s:o s:s s:I s:i s:i s:{s:f s:f s:f s:f s:f s:f s:f} s:o s:o s:o s:o s:i s:I s:I s:s "
        "s:s s:s s:o s:o s:I s:s}",
        "data", json_text(input->subject), "origin", json_text(input->origin), "method", embedding->method, "n",
        (json_int_t)input->points.n, "dim", input->points.dim, "components", embedding->components, "seconds",
        "features", s->features, "knn", s->neighbors, "graph", s->graph, "init", s->init, "layout", s->layout, "total",
        s->total, "quality", s->quality, "trustworthiness", json_number(q->trustworthiness), "continuity",
        json_number(q->continuity), "knn_accuracy", json_number(q->knn_accuracy), "silhouette",
        json_number(q->silhouette), "k", q->k, "rank_points", (json_int_t)q->rank_points, "plane_points",
        (json_int_t)q->plane_points, "init_used", embedding->init_used, "neighbors_method", embedding->neighbors_method,
        "metric", embedding->metric, "explained", explained, "density_correlation",
        json_number(embedding->density_correlation), "fitted_rows",
        (json_int_t)(embedding->fitted ? embedding->fitted : input->points.n), "points_sha256", embedding->sha256);
    FAIL_IF(!made, CF_NO_MEMORY, "out of memory while making the result's JSON");
    *json = made;
    return CF_OK;
}
