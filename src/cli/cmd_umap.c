/* cifra umap: features of a run, or any matrix, in the plane. */
#include "cli/commands.h"

#include "base/numbers.h"
#include "cli/shared_options.h"
#include "cli/terminal.h"
#include "data/npy.h"
#include "embed/pca.h"
#include "embed/umap.h"
#include "study/figures/figures.h"
#include "study/report/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct UmapArguments {
    const char *data, *data_dir, *layer, *features, *labels, *model, *save_model, *save_features, *out;
    FigureDials figures;
    DataDials dials;
    int split, method, threads;
    bool target;
    int64_t seed, subset;
    UmapOptions fit; /* what the options below it fill */
} UmapArguments;

enum { METHOD_UMAP, METHOD_PCA };
static const char *const method_words[] = {"umap", "pca", NULL};
static const char *const search_words[] = {"auto", "exact", "descent", NULL};
static const char *const init_words[] = {"spectral", "pca", "random", NULL};

#define MEMBER(name) OPTION_MEMBER(UmapArguments, name)
/* Options that belong to a run's images, to fitting, and to UMAP's fitting. */
#define FITTED  "--model, whose embedding is fitted already"
#define OF_RUN  .without = {"--features, since it goes with a run"}
#define OF_FIT  .without = {FITTED}
#define OF_UMAP .without = {FITTED, "--method pca"}

static const Option options[] = {
    {ROW(data), .help = "of a run: a set by name or path", .default_text = "the run's own", OF_RUN, MEMBER(data)},
    {ROW(data_dir), OF_RUN, MEMBER(data_dir)},
    {ROWS(dial_options), OF_RUN, MEMBER(dials)},
    {ROW(part), .help = "of a run: which images", OF_RUN, MEMBER(split)},
    {"layer", "NAME", OPTION_TEXT, .help = "of a run: the layer whose values are taken, as in the table of layers",
     .default_text = "what goes into the last dense layer", OF_RUN, MEMBER(layer)},
    {"features", "FILE", OPTION_TEXT,
     .help = "instead of a run: rows of numbers in a .npy, .npz (or .npz:NAME) or .csv file", MEMBER(features)},
    {"labels", "FILE|COLUMN", OPTION_TEXT,
     .help =
         "a class for each row of --features: a file of whole numbers, of which negative ones are unknown, or a column of "
         "the .csv by name or number",
     MEMBER(labels)},
    {"method", NULL, OPTION_CHOICE, .choices = method_words, .help = "pca: principal components instead",
     .usual = "umap", OF_FIT, MEMBER(method)},
    {"components", "N", OPTION_INTEGER, 1, UMAP_MOST_COMPONENTS, .help = "dimensions of the embedding", .usual = "2",
     .also = "n-components", OF_FIT, MEMBER(fit.components)},
    {"neighbors", "K", OPTION_INTEGER, 2, UMAP_MOST_NEIGHBORS,
     .help = "neighbours that a point is held near to, itself counted; more show coarser structure", .usual = "15",
     .also = "n-neighbors", OF_UMAP, MEMBER(fit.neighbors)},
    {"min-dist", "X", OPTION_NUMBER, 0, INFINITY, .help = "how close points may lie; smaller: tighter clumps",
     .usual = "0.1", OF_UMAP, MEMBER(fit.min_dist)},
    {"spread", "X", OPTION_NUMBER, 0, INFINITY, .help = "scale of the embedding", .usual = "1", OF_UMAP,
     MEMBER(fit.spread)},
    {"metric", NULL, OPTION_CHOICE, .choices = metric_names, .help = "distance between rows", .usual = "euclidean",
     OF_FIT, MEMBER(fit.metric)},
    {"search", NULL, OPTION_CHOICE, .choices = search_words, .help = "how neighbours are found",
     .default_text = "auto: exact up to 100,000 rows, NN-descent beyond", OF_UMAP, MEMBER(fit.method)},
    {"epochs", "N", OPTION_INTEGER, 0, UMAP_MOST_EPOCHS, .help = "passes of the layout",
     .default_text = "0: 500 up to 10,000 points, 200 beyond; with --densmap 200 more", .also = "n-epochs", OF_UMAP,
     MEMBER(fit.epochs)},
    {"init", NULL, OPTION_CHOICE, .choices = init_words, .help = "first coordinates", .usual = "spectral", OF_UMAP,
     MEMBER(fit.init)},
    {"negative-sample-rate", "N", OPTION_INTEGER, 0, 1000,
     .help = "points pushed away from for each neighbour pulled to", .usual = "5", OF_UMAP,
     MEMBER(fit.negative_sample_rate)},
    {"learning-rate", "X", OPTION_NUMBER, 0, INFINITY, .help = "first step size of the layout", .usual = "1", OF_UMAP,
     MEMBER(fit.learning_rate)},
    {"seed", "S", OPTION_INTEGER, 0, LARGEST_SEED, .help = "of all random numbers", .usual = "1",
     .also = "random-state", OF_FIT, MEMBER(seed)},
    {"target", NULL, OPTION_FLAG, .help = "supervised: the labels take part in the layout", OF_UMAP, MEMBER(target)},
    {"target-weight", "X", OPTION_NUMBER, 0, 1, .help = "with --target; 0: the rows alone, 1: the labels above all",
     .with = {"--target"}, .usual = "0.5", OF_UMAP, MEMBER(fit.target_weight)},
    {"densmap", NULL, OPTION_FLAG,
     .help = "densMAP: what lay densely lies densely, what lay sparsely sparsely (Narayan, Berger, Cho 2021)", OF_UMAP,
     MEMBER(fit.densmap)},
    {"dens-lambda", "X", OPTION_NUMBER, 0, 1e6, .help = "with --densmap: weight of that against the neighbours",
     .usual = "2", .with = {"--densmap"}, OF_UMAP, MEMBER(fit.dens_lambda)},
    {"dens-frac", "X", OPTION_NUMBER, 0, 1,
     .help = "with --densmap: share of the epochs that it takes part in, the last ones", .usual = "0.3",
     .with = {"--densmap"}, OF_UMAP, MEMBER(fit.dens_frac)},
    {"dens-var-shift", "X", OPTION_NUMBER, 0, 1e6,
     .help = "with --densmap: added to the variance of the embedded radii", .usual = "0.1", .with = {"--densmap"},
     OF_UMAP, MEMBER(fit.dens_var_shift)},
    {"subset", "N", OPTION_INTEGER, 1, MOST_POINTS,
     .help = "fit N rows drawn by the seed, and put the others into their embedding one by one, as --model does",
     .default_text = "all rows are fitted",
     .without = {FITTED, "--method pca",
                 "--densmap, whose embedding takes no other rows than those that it is fitted to"},
     MEMBER(subset)},
    {"save-features", "FILE", OPTION_TEXT, .help = "of a run: writes what is embedded as a .npy file, a row per image",
     OF_RUN, MEMBER(save_features)},
    {"save-model", "FILE", OPTION_TEXT, .help = "keeps the fitted embedding, for --model",
     .without = {FITTED, "--method pca", "--densmap, whose embedding takes no new points (--model)"},
     MEMBER(save_model)},
    {"model", "FILE", OPTION_TEXT, .help = "puts the rows into a fitted embedding, which stays as it is",
     MEMBER(model)},
    {"out", "DIR", OPTION_TEXT, .help = "where files go", .default_text = "RUN; for X.npy X-umap", MEMBER(out)},
    {ROWS(figure_options), .help = "formats of the figure: svg, png, pdf between commas, or none", MEMBER(figures)},
    {ROW(threads), MEMBER(threads)},
};

static void set_defaults(void *parsed) {
    ((UmapArguments *)parsed)->fit = umap_options_defaults();
}

/* ---- Options that do not go together ---- */

static cf_status check_together(const Arguments *given, const UmapArguments *a) {
    const bool run = given->positional_count > 0;
    FAIL_IF(run == (a->features != NULL), CF_BAD_USE,
            "%s: a run's folder or --features FILE is what is embedded; one of them was expected",
            run ? "both a run and --features are given" : "nothing to embed");
    FAIL_IF(run && a->labels, CF_BAD_USE, "--labels goes with --features; a run's images have their own labels");
    FAIL_IF(a->target && a->features && !a->labels, CF_BAD_USE, "--target needs the labels of the rows: --labels");
    return umap_options_check(&a->fit);
}

/* ---- The embedding ---- */

static bool show_stage(UmapStage stage, double done, void *context) {
    (void)context;
    return terminal_stage(umap_stage_name(stage), done);
}

static void print_memory(const UmapArguments *a, const EmbedInput *input, const UmapOptions *fit) {
    size_t n = input->points.n, values = n * (size_t)input->points.dim * sizeof(float), work = values;
    int dim = input->points.dim;
    if (a->model || a->method == METHOD_UMAP) work = umap_memory(n, dim, fit);
    size_t judge = quality_memory(n, dim, a->threads);
    terminal_line("%zu rows of %d values: %.1f MB, and up to %.1f MB to work in", n, dim, (double)values / 1e6,
                  (double)(work > judge ? work : judge) / 1e6);
}

static cf_status embed_umap(const UmapArguments *a, const UmapOptions *fit, Embedding *embedding) {
    const Points *points = &embedding->input->points;
    const double *offset = embedding->input->offset;
    AUTO(umap_free_at) Umap *umap = NULL;
    AUTO_FREE float *all = NULL;
    if (a->subset) FORWARD(memory_new(points->n, (size_t)fit->components * sizeof(float), &all));
    FORWARD(a->subset ? umap_fit_subset(points, (size_t)a->subset, fit, &umap, all) : umap_fit(points, fit, &umap));
    FORWARD(embedding_take(embedding, umap));
    if (all) {
        free(embedding->coordinates);
        embedding->coordinates = memory_take(&all);
        embedding->fitted = umap->n;
    }
    FORWARD(umap_density_correlation(umap, &embedding->density_correlation));
    /* For new points, which are to be moved as these were. */
    if (offset) FORWARD(memory_copy(offset, (size_t)points->dim, sizeof *offset, &umap->offset));
    return a->save_model ? umap_write(umap, a->save_model) : CF_OK;
}

static cf_status embed_into(const Umap *umap, int threads, Embedding *embedding) {
    const EmbedInput *input = embedding->input;
    FAIL_IF(umap->dim != input->points.dim, CF_BAD_USE,
            "the embedding was fitted to rows of %d values, and these have %d", umap->dim, input->points.dim);
    embedding->components = umap->options.components;
    embedding->fitted = umap->n;
    embedding->metric = metric_names[umap->options.metric];
    snprintf(embedding->init_used, sizeof embedding->init_used, "fitted embedding of %zu rows", umap->n);
    FORWARD(memory_new(input->points.n, (size_t)embedding->components * sizeof(float), &embedding->coordinates));
    return umap_transform(umap, &input->points, threads, embedding->coordinates);
}

static cf_status embed_pca(const UmapArguments *a, Embedding *embedding) {
    const EmbedInput *input = embedding->input;
    FORWARD(memory_new(input->points.n, (size_t)embedding->components * sizeof(float), &embedding->coordinates));
    return pca_fit(&input->points, embedding->components, a->threads, embedding->coordinates, embedding->explained);
}

static cf_status embed_points(const UmapArguments *a, const Umap *fitted, Embedding *embedding) {
    const EmbedInput *input = embedding->input;
    UmapOptions fit = a->fit;
    QualityOptions judge = {fitted ? fitted->options.metric : a->fit.metric, (uint64_t)a->seed, a->threads};
    double begin = clock_seconds();
    fit.seed = (uint64_t)a->seed;
    fit.threads = a->threads;
    fit.progress = show_stage;
    if (a->target) fit.target = input->known.labels;
    FORWARD(points_check(&input->points, input->subject));
    print_memory(a, input, &fit);
    if (fitted)
        FORWARD(embed_into(fitted, a->threads, embedding));
    else if (a->method == METHOD_PCA)
        FORWARD(embed_pca(a, embedding));
    else
        FORWARD(embed_umap(a, &fit, embedding));
    embedding->seconds.total = clock_seconds() - begin;
    begin = clock_seconds();
    terminal_stage("quality", 0);
    FORWARD(embedding_judge(embedding, &judge));
    embedding->seconds.quality = clock_seconds() - begin;
    terminal_stage("quality", 1);
    return CF_OK;
}

/* ---- Files and results ---- */

static cf_status print_embedding(const Embedding *embedding, const FigureList *files, bool as_json) {
    json_t *json;
    TextDraft draft;
    if (as_json) {
        FORWARD(embedding_json(embedding, &json));
        json_object_set_new(json, "files", json_text_list(files->paths, files->count));
        return print_json(json);
    }
    FORWARD(text_draft(&draft));
    embedding_print(embedding, draft.stream);
    FORWARD(print_draft(&draft));
    for (size_t i = 0; i < files->count; i++)
        print_printable("%s%s\n", i ? "                   " : "files              ", files->paths[i]);
    return CF_OK;
}

/* Of files: a run's page has the scatter of its own images. */
static cf_status write_page(const UmapArguments *a, const Embedding *embedding, const char *folder, FigureList *files) {
    char *path;
    FORWARD(report_points_write(embedding, folder, a->features, &path));
    return figure_list_add(files, path);
}

/* Whatever is embedded: rows of files, or images of a run. */
typedef struct UmapJob {
    const UmapArguments *a;
    Umap *fitted; /* of --model; NULL: none */
    EmbedInput input;
    float *features;  /* the values of --save-features, written when nothing can be refused any more; NULL: none */
    double seconds;   /* that the features took */
    unsigned formats; /* of the figure */
    bool as_json;
} UmapJob;

static void job_free(UmapJob *job) {
    umap_free(job->fitted);
    embed_input_free(&job->input);
    free(job->features);
}

static void coordinates_free(Embedding *embedding) {
    free(embedding->coordinates);
}

static cf_status embed_and_write(const UmapJob *job, const char *folder, const char *suffix) {
    const UmapArguments *a = job->a;
    const EmbedInput *input = &job->input;
    const EmbeddingPlace place = {a->out ? a->out : folder, suffix, job->formats};
    AUTO(coordinates_free)
    Embedding embedding = {.input = input,
                           .method = method_words[a->method],
                           .components = a->fit.components,
                           .neighbors_method = "",
                           .density_correlation = NAN,
                           .metric = metric_names[a->fit.metric],
                           .seconds.features = job->seconds};
    AUTO(figure_list_free) FigureList files = {0};
    FORWARD(embed_points(a, job->fitted, &embedding));
    if (job->features) FORWARD(npy_write_rows(a->save_features, job->features, input->points.n, input->points.dim));
    FORWARD(embedding_write(&embedding, &place, &files));
    if (!input->images) FORWARD(write_page(a, &embedding, place.folder, &files));
    return print_embedding(&embedding, &files, job->as_json);
}

/* Before the work: where everything will go. */
static cf_status check_places(const UmapArguments *a, const char *folder) {
    if (a->save_features) FORWARD(file_check_output(a->save_features));
    if (a->save_model) FORWARD(file_check_output(a->save_model));
    return file_check_folder(a->out ? a->out : folder);
}

/* As the rows of the fitted embedding were made floats; else as suits the metric. */
static RowsFrame frame_of(const UmapArguments *a, const Umap *fitted) {
    const Metric metric = fitted ? fitted->options.metric : a->fit.metric;
    return (RowsFrame){.angles = metric == METRIC_COSINE || metric == METRIC_CORRELATION || metric == METRIC_HAMMING,
                       .stay = fitted != NULL,
                       .offset = fitted ? fitted->offset : NULL,
                       .dim = fitted ? fitted->dim : 0};
}

static cf_status embed_files(UmapJob *job) {
    const UmapArguments *a = job->a;
    const RowsFrame frame = frame_of(a, job->fitted);
    AUTO_FREE char *folder = NULL;
    const char *name = file_base_name(a->features);
    const char *dot = strrchr(name, '.'); /* of X.npz:NAME NAME is a part of it */
    const int length = dot && dot > name ? (int)(dot - name) : (int)strlen(name);
    const char *array = dot && strncmp(dot, ".npz:", 5) == 0 ? dot + 5 : NULL;
    FORWARD(memory_print(&folder, "%.*s%s%s-umap", length, name, array ? "-" : "", array ? array : ""));
    FORWARD(check_places(a, folder));
    FORWARD(embed_input_from_files(a->features, a->labels, &frame, &job->input));
    return embed_and_write(job, folder, "");
}

static cf_status embed_images(UmapJob *job, const Arguments *given) {
    const UmapArguments *a = job->a;
    const RowsFrame frame = frame_of(a, job->fitted);
    const char *part = options_given(given, "split") ? part_words[a->split] : NULL;
    const Points *points = &job->input.points;
    AUTO(run_free_at) Run *run = NULL;
    AUTO_FREE char *data = NULL, *suffix = NULL;
    FORWARD(run_open(given->positional[0], &run));
    FORWARD(data_chosen(a->data, run->config.data, &a->dials, &data));
    const double begin = clock_seconds();
    FORWARD(check_places(a, run->folder));
    FORWARD(embed_input_from_run(run, data, a->data_dir, part, a->layer, a->threads, &job->input, &part));
    job->seconds = clock_seconds() - begin;
    /* As the network gives them: a fitted embedding may move its own. */
    if (a->save_features)
        FORWARD(memory_copy(points->values, points->n * (size_t)points->dim, sizeof(float), &job->features));
    embed_input_move(&job->input, &frame);
    FORWARD(figures_suffix(run, data ? data : run->config.data, part, !a->out, &suffix));
    return embed_and_write(job, run->folder, suffix);
}

static cf_status umap_command(const Arguments *given, const void *parsed) {
    const UmapArguments *a = parsed;
    AUTO(job_free) UmapJob job = {.a = a, .as_json = given->json};
    FORWARD(figure_dials_read(&a->figures, &job.formats));
    FORWARD(check_together(given, a));
    if (a->model) FORWARD(umap_read(a->model, &job.fitted));
    terminal_catch_interrupt();
    return a->features ? embed_files(&job) : embed_images(&job, given);
}

const Command command_umap = {
    .name = "umap",
    .ranks = true,
    .summary = "features of a run, or any matrix, in the plane",
    .usage = "RUN [--data SET] [--layer NAME] | --features FILE [--labels FILE|COLUMN] [options]",
    .description =
        "Puts points of many dimensions into few, so that neighbours stay neighbours (UMAP: McInnes, Healy, Melville 2018). The "
        "points are what a trained network makes of images before its last layer, or the rows of a file: NumPy's .npy or .npz, "
        "numbers of any type and order, axes after the first counting as one; or a .csv, with a first line of names or without, "
        "fields between commas, tabs or semicolons. Options have umap-learn's defaults and names, also as its parameters are "
        "written (--n-neighbors). The result does not depend on the number of threads.\n\n"
        "Prints how good the embedding is:\n\n"
        "    trustworthiness  1 where neighbours in the embedding were neighbours before (Venna, Kaski 2001)\n"
        "    continuity       1 where neighbours before are neighbours in the embedding\n"
        "    k-NN accuracy    with labels: how often the majority of the neighbours has a point's label\n"
        "    silhouette       with labels: 1 where classes lie apart, 0 where they overlap (Rousseeuw 1987)\n"
        "    density          with --densmap: correlation of the local radii before and after, logarithms (Narayan et al. 2021)\n\n"
        "Up to 20,000 points they are exact. Beyond, the first two are those of a sample of 2,000 points among all, the last "
        "two of 10,000, and that is said.\n\n"
        "Writes embedding.csv (x, y, label, image), embedding.npy and figures/umap.svg into the run's folder, where 'cifra "
        "report RUN' finds them, or into --out. Of other data or another part of the set than the run's own test part, names "
        "have the set's name in them (embedding-svhn.csv). Of a file's rows there is a page, too, embedding.html: the row under "
        "the pointer is told, of CSV with its fields. A run's report has that of its images.\n\n"
        "Neighbours are exact up to 100,000 rows; beyond, NN-descent (Dong, Moses, Li 2011) finds nearly all of them. The "
        "output says which.\n\n"
        "--subset N fits a part of many rows, which is faster, and puts each of the others where it would lie had it come "
        "alone; figures of quality are of all rows.\n\n"
        "--save-features writes a run's features for other tools, and for cifra umap --features. --save-model keeps a fitted "
        "embedding; --model puts new rows into it, each where it would lie had it come alone.\n\n"
        "Rows are compared in float32. Columns of float64 or whole numbers that lie far from 0 (times, coordinates) are moved "
        "there first, so that their distances survive, except with --metric cosine, correlation and hamming; where float32 is "
        "too coarse all the same, a note says by how much.\n\n"
        "Examples:\n\n"
        "    cifra umap runs/mnist-paper-s1\n"
        "    cifra umap runs/mnist-paper-s1 --data svhn --figures svg,png\n"
        "    cifra umap --features X.npy --labels y.npy --metric cosine --out plane\n"
        "    cifra umap --features iris.csv --labels species\n"
        "    cifra umap --features mnist.npz:x_train --labels mnist.npz:y_train\n"
        "    cifra umap --features cells.npy --neighbors 30 --densmap\n"
        "    cifra umap --features train.npy --save-model plane.safetensors\n"
        "    cifra umap --features new.npy --model plane.safetensors",
    .positional = {0, 1},
    COMMAND_OPTIONS(options, UmapArguments),
    .set_defaults = set_defaults,
    .run = umap_command,
};
