/* From another set's network or from nothing, with few images; then what that network and the fine-tuned one make of the test images. */
#include "study/pipeline/study_inside.h"

#include "base/text_draft.h"
#include "study/pipeline/study_figures.h"
#include "study/run/embedding.h"

#include <math.h>
#include <string.h>

/* ---- Few images ---- */

/* "1:10,2:10": of every class so many; all: NULL. */
static cf_status limit_of(const StudySet *set, int64_t size, char **limit) {
    AUTO(text_draft_abandon) TextDraft draft = {0};
    if (!size) return CF_OK;
    FORWARD(text_draft(&draft));
    for (int c = 0; c < set->set->classes; c++)
        fprintf(draft.stream, "%s%s:%lld", c ? "," : "", set->set->class_names[c], (long long)size);
    return text_draft_finish(&draft, limit, NULL);
}

/* As many as give the recipe's steps. */
static int epochs_of(const Recipe *recipe, const cf_train_options *train, const StudySet *set, int64_t size) {
    const int64_t steps = (size * set->set->classes + train->batch - 1) / train->batch;
    const int64_t wanted = steps ? (recipe->transfer.steps + steps - 1) / steps : 0;
    return wanted > train->epochs ? (int)wanted : train->epochs;
}

static int count_tunings(const Study *study) {
    return 2 * study->recipe->size_count * study->recipe->transfer.seeds;
}

static cf_status check_tunings(const Study *study, const StudyPlace *place) {
    for (int i = 0; i < study->recipe->size_count; i++) {
        cf_split_options options = place->set->chosen.split;
        AUTO_FREE char *limit = NULL;
        FORWARD(limit_of(place->set, study->recipe->sizes[i], &limit));
        options.train_limit = limit;
        FORWARD(study_try(place->set, &options, NULL, false));
    }
    return CF_OK;
}

static void load_tunings(const Study *study, const StudyPlace *place, StudyLoad *load) {
    const Recipe *recipe = study->recipe;
    cf_train_options tuned = place->set->chosen.train;
    double images = 0;
    if (recipe_lay(recipe->transfer.train, &tuned)) return;
    for (int i = 0; i < recipe->size_count; i++) {
        const double few = (double)recipe->sizes[i] * place->set->set->classes;
        images += 2 * recipe->transfer.seeds * epochs_of(recipe, &tuned, place->set, recipe->sizes[i]) *
                  (recipe->sizes[i] ? fmin(few, load->train) : load->train);
    }
    estimate_images(images, load);
}

/* From nothing means the same network, drawn, and that all of it learns. A hundredth of the images validates, which nothing is chosen by;
 * with each seed other images train and test, few of them among more. */
static cf_status configure_tuning(const Study *study, const StudyPlace *place, int64_t size, int seed_number,
                                  bool pretrained, RunConfig *config) {
    const cf_train_options usual = cf_train_defaults();
    const Recipe *recipe = study->recipe;
    AUTO_FREE char *source = NULL, *limit = NULL;
    FORWARD(study_configure_section(study, place->set, &recipe->transfer, 0, config));
    config->train.seed += (uint64_t)seed_number;
    config->train.epochs = epochs_of(recipe, &config->train, place->set, size);
    FORWARD(study_run_folder(study, place->from, seed_number % recipe->seeds, &source));
    FORWARD(run_config_take_line(config, source, place->set->set->channels));
    if (pretrained) {
        FORWARD(run_config_text(&config->from, source));
    } else {
        memcpy(config->train.freeze, usual.freeze, sizeof usual.freeze);
        config->train.head_epochs = usual.head_epochs;
        config->train.lr_backbone = usual.lr_backbone;
    }
    config->split.validation = 0.01;
    config->split.seed += (uint64_t)seed_number;
    FORWARD(limit_of(place->set, size, &limit));
    return run_config_split_text(&config->split.train_limit, limit);
}

/* By size, seed, and whether it begins with nothing. */
static cf_status prepare_tuning(Study *study, StudyStage *stage) {
    const Recipe *recipe = study->recipe;
    StudySet *set = stage->place.set;
    const StudySet *from = stage->place.from;
    const int number = stage->place.number / 2, size_number = number / recipe->transfer.seeds,
              seed_number = number % recipe->transfer.seeds;
    const bool pretrained = stage->place.number % 2;
    const char *way = pretrained ? "from" : "new";
    const int64_t size = recipe->sizes[size_number];
    Training *training = &stage->training;
    char count[24];
    recipe_size_text(size, count);
    training->result = RESULT_BRIEF;
    if (pretrained) memcpy(training->source_print, from->trained_print[seed_number % recipe->seeds], SHA256_HEX);
    FORWARD(configure_tuning(study, &stage->place, size, seed_number, pretrained, &training->config));
    snprintf(stage->name, sizeof stage->name, "transfer-%s-%s-%s-s%d", stage->place.key, count, way, seed_number + 1);
    snprintf(stage->what, sizeof stage->what, "%s: %s image%s%s, from %s, seed %llu", set->name, count,
             size == 1 ? "" : "s", size ? " per class" : "", pretrained ? from->name : "nothing",
             (unsigned long long)training->config.train.seed);
    snprintf(stage->path, sizeof stage->path, "transfer.%s.%s.%s[]", stage->place.key, count, way);
    if (pretrained && !seed_number && size_number == recipe->size_count - 1)
        stage->print = set->tuned_print[from - study->sets];
    return CF_OK;
}

static cf_status draw_tunings(const Study *study, const FigureBook *book, const char *name, const StudyPlace *place) {
    json_t *sizes = study_result(study, "transfer", place->key);
    char title[200];
    snprintf(title, sizeof title, "%s, by training images", place->set->name);
    return sizes ? figure_transfer(book, name, title, place->from->name, sizes, place->set->set->classes) : CF_OK;
}

const StageKind study_transfer_kind = {.key = "transfer",
                                       .pairs = true,
                                       .count = count_tunings,
                                       .check = check_tunings,
                                       .load = load_tunings,
                                       .prepare = prepare_tuning,
                                       .draw = draw_tunings};

/* ---- The test images before and after ---- */

/* UMAP of what a model makes of the images, and how far it keeps their classes apart. */
static cf_status embed_model(const Study *study, const Run *run, const cf_subset *images, Embedding *embedding,
                             json_t **quality) {
    const QualityOptions judge = {METRIC_EUCLIDEAN, study->recipe->base.train.seed, study->threads};
    const UmapOptions options = study_umap_options(study);
    const Quality *q = &embedding->quality;
    AUTO(embed_input_free) EmbedInput input = {0};
    FORWARD(embed_input_from_images(run, images, &input));
    embedding->input = &input;
    FORWARD(embedding_fit(embedding, &options));
    FORWARD(embedding_judge(embedding, &judge));
    embedding->input = NULL;
    *quality = json_object();
    if (!isnan(q->knn_accuracy)) json_object_set_new(*quality, "knn_accuracy", json_real(q->knn_accuracy));
    if (!isnan(q->silhouette)) json_object_set_new(*quality, "silhouette", json_real(q->silhouette));
    return CF_OK;
}

/* Each has an embedding of its own: in one of both they are two clouds far from each other. */
static cf_status embed_both(const Study *study, const Stage *stage, const StudyPlace *place, Run *after,
                            cf_model *before, json_t **result) {
    AUTO(figure_list_free) FigureList list = {0};
    AUTO(embedding_free) Embedding first = {0}, then = {0};
    json_auto_t *of_first = NULL, *of_then = NULL;
    const FigureBook book = {stage->folder, "", place->set->name, study->options->formats, &list};
    const cf_subset *images;
    const char *part = NULL;
    FORWARD(run_choose_images(after, NULL, study->options->data_dir, NULL, &images, &part));
    after->threads = study->threads;
    Run as_before = *after;
    as_before.model = before;
    FORWARD(embed_model(study, &as_before, images, &first, &of_first));
    FORWARD(embed_model(study, after, images, &then, &of_then));
    if (study->options->formats) {
        FORWARD(file_make_folder(stage->folder));
        FORWARD(figure_before_after(&book, place->from->name, images,
                                    (const float *const[]){first.coordinates, then.coordinates}));
    }
    *result = json_pack("{s:I s:O s:O}", "n", (json_int_t)images->count, "before", of_first, "after", of_then);
    return CF_OK;
}

static cf_status compare_embeddings(Study *study, StudyStage *of, const Stage *stage, json_t **result) {
    const Recipe *recipe = study->recipe;
    AUTO(run_free_at) Run *before = NULL, *after = NULL;
    AUTO_FREE char *folder = NULL;
    char number[24];
    recipe_size_text(recipe->sizes[recipe->size_count - 1], number);
    FORWARD(memory_print(&folder, "%s/transfer-%s-%s-from-s1", study->options->folder, of->place.key, number));
    FORWARD(study_open_run(study, of->place.from, 0, &before));
    FORWARD(run_open(folder, &after));
    after->shelf = &study->shelf;
    return embed_both(study, stage, &of->place, after, before->model, result);
}

static int count_comparisons(const Study *study) {
    return study->recipe->transfer.seeds && study->recipe->features;
}

static cf_status prepare_comparison(Study *study, StudyStage *stage) {
    const StudySet *set = stage->place.set, *from = stage->place.from;
    stage->work = compare_embeddings;
    stage->inputs = json_pack("{s:s s:s s:s}", "before", from->trained_print[0], "after",
                              set->tuned_print[from - study->sets], "data", set->data_print);
    study_umap_inputs(study, stage->inputs);
    snprintf(stage->name, sizeof stage->name, "transfer-umap-%s", stage->place.key);
    snprintf(stage->what, sizeof stage->what, "%s: UMAP before and after fine-tuning the network of %s", set->name,
             from->name);
    snprintf(stage->path, sizeof stage->path, "transfer_features.%s", stage->place.key);
    return CF_OK;
}

const StageKind study_transfer_features_kind = {
    .key = "transfer", .pairs = true, .count = count_comparisons, .prepare = prepare_comparison};
