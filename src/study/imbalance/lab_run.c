/* The order of a lab's trainings. */
#include "study/imbalance/lab.h"

#include "base/slices.h"
#include "base/text.h"
#include "study/ledger/study_results.h"
#include "study/pipeline/study_inside.h"
#include "train/train_options.h"

#include <string.h>

/* ---- One training ---- */

static cf_status describe_training(const LabTraining *t, const char *label, StudyStage *stage) {
    stage->training.result = RESULT_LAB;
    FORWARD(lab_configure(t, stage->place.set->set, &stage->training.config));
    snprintf(stage->name, sizeof stage->name, "%.60s-%s-s%d", label, t->remedy->name, t->number + 1);
    snprintf(stage->what, sizeof stage->what, "%.80s: %s, seed %llu", label, t->remedy->name,
             (unsigned long long)stage->training.config.train.seed);
    return CF_OK;
}

cf_status lab_prepare(Study *study, const LabTraining *training, const char *label, const char *path,
                      StudyStage *stage) {
    LabTraining t = *training;
    AUTO_FREE char *folder = NULL;
    snprintf(stage->path, sizeof stage->path, "%s.%s[]", path, t.remedy->name);
    if (!remedy_has(t.remedy, REMEDY_HEAD)) return describe_training(&t, label, stage);
    const Remedy first = remedy_first(t.remedy);
    AUTO(study_stage_free)
    StudyStage before = {
        .place = stage->place, .print = stage->training.source_print, .before = true, .path = "before[]"};
    t.remedy = &first;
    FORWARD(describe_training(&t, label, &before));
    FORWARD(study_do(study, &before));
    FORWARD(memory_print(&folder, "%s/%s", study->options->folder, before.name));
    t.remedy = training->remedy;
    t.head_of = folder;
    return describe_training(&t, label, stage);
}

static json_t *moved_results(const json_t *runs) {
    json_t *all = json_array();
    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);
        json_t *moved = json_copy(json_object_get(run, "moved"));
        json_object_set(moved, "seed", json_object_get(run, "seed"));
        json_object_set(moved, "images", json_object_get(run, "images"));
        json_object_set(moved, "validation", json_object_get(json_object_get(run, "validation"), "moved"));
        json_array_append_new(all, moved);
    }
    return all;
}

json_t *lab_remedies(const json_t *results, const char *path, const Remedy *list, int count) {
    const json_t *trained = result_at(results, path);
    json_t *all = json_object();
    for (int i = 0; i < count; i++) {
        const Remedy of = remedy_trained(&list[i]);
        json_t *runs = json_object_get(trained, of.name);
        if (of.parts == list[i].parts)
            json_object_set(all, list[i].name, runs);
        else
            json_object_set_new(all, list[i].name, moved_results(runs));
    }
    return all;
}

/* "moved" may be asked for beside what it moves, or alone. */
int lab_trained(const Remedy *remedies, int count, Remedy trained[MOST_REMEDIES]) {
    int found = 0;
    for (int i = 0; i < count; i++) {
        const Remedy remedy = remedy_trained(&remedies[i]);
        int k = 0;
        while (k < found && trained[k].parts != remedy.parts) k++;
        if (k == found) trained[found++] = remedy;
    }
    return found;
}

cf_status lab_check_remedies(const LabTraining *training, const cf_set *set, const Remedy *remedies, int count) {
    for (int i = 0; i < count; i++) {
        LabTraining t = *training;
        AUTO(run_config_free) RunConfig config = {0};
        t.remedy = &remedies[i];
        FAIL_IF(remedy_has(t.remedy, REMEDY_PRETRAINED) && !t.base->from, CF_BAD_USE,
                "the remedy %s needs the network that it begins with: --from RUN", t.remedy->name);
        FORWARD(lab_configure(&t, set, &config));
        cf_status status = train_options_check(&config.train);
        if (!status) status = train_options_check_together(&config.train);
        if (status) return status_prefix(status, "remedy %s", t.remedy->name);
    }
    return CF_OK;
}

/* ---- All of a lab ---- */

typedef struct Work {
    const Lab *lab;
    Study study;
    StudySet set;
    json_t *results;
} Work;

static cf_status train_case(Work *w, const char *limit, const char *label, const char *path, const Remedy *remedies,
                            int count) {
    const Lab *lab = w->lab;
    Remedy trained[MOST_REMEDIES];
    const int each = lab_trained(remedies, count, trained);
    for (int i = 0; i < lab->seeds * each; i++) {
        const int s = i / each;
        const LabTraining t = {.base = lab->base,
                               .limit = limit,
                               .augment = lab->augment,
                               .remedy = &trained[i % each],
                               .steps = lab->steps,
                               .number = s,
                               .draw = lab->draws ? s % lab->draws : s};
        AUTO(study_stage_free) StudyStage stage = {.place.set = &w->set};
        FORWARD(lab_prepare(&w->study, &t, label, path, &stage));
        FORWARD(study_do(&w->study, &stage));
    }
    return CF_OK;
}

static void file_label(const char *name, char label[64]) {
    snprintf(label, 64, "%.60s", name);
    text_to_file_name(label);
}

static cf_status do_case(Work *w, int place) {
    const LabCase *c = &w->lab->cases[place];
    char label[64], path[32];
    AUTO(remedy_rows_free) RemedyRows rows = {0};
    file_label(c->name, label);
    snprintf(path, sizeof path, "case.%d", place);
    FORWARD(train_case(w, c->limit, label, path, w->lab->remedies, w->lab->remedy_count));
    json_auto_t *remedies = lab_remedies(w->study.results, path, w->lab->remedies, w->lab->remedy_count);
    FORWARD(remedy_rows_new(remedies, &rows));
    json_array_append_new(json_object_get(w->results, "cases"),
                          json_pack("{s:o s:o s:s s:O}", "name", json_text(c->name), "limit", json_text(c->limit),
                                    "best", rows.rows[rows.best].name, "remedies", remedies));
    return CF_OK;
}

/* The first case's results, or "nothing" and its best remedy trained with another size. */
static cf_status take_size(Work *w, int label, int64_t images, int64_t own, const Remedy *best, json_t **remedies) {
    const Remedy both[] = {w->lab->remedies[0], *best};
    char name[64], path[32];
    AUTO_FREE char *limit = NULL;
    if (images == own) {
        *remedies = json_incref(json_object_get(json_array_get(json_object_get(w->results, "cases"), 0), "remedies"));
        return CF_OK;
    }
    file_label(w->lab->cases[0].name, name);
    snprintf(name + strlen(name), sizeof name - strlen(name), "-n%lld", (long long)images);
    snprintf(path, sizeof path, "size.%lld", (long long)images);
    FORWARD(lab_limit_with(w->lab, w->set.set, label, images, &limit));
    FORWARD(train_case(w, limit, name, path, both, 2));
    *remedies = lab_remedies(w->study.results, path, both, 2);
    return CF_OK;
}

static cf_status do_curve(Work *w) {
    const json_t *first = json_array_get(json_object_get(w->results, "cases"), 0);
    json_auto_t *points = json_array();
    Remedy best;
    int label;
    int64_t images, most;
    if (!w->lab->size_count) return CF_OK;
    FORWARD(remedy_read(result_text(first, "best"), &best));
    FORWARD(lab_rarest(w->lab, w->set.set, &label, &images, &most));
    if (!best.parts)
        w->study.stages -= w->lab->seeds * (w->lab->size_count - 1); /* the same trainings are announced twice */
    for (int i = 0; i < w->lab->size_count; i++) {
        json_auto_t *remedies = NULL;
        FORWARD(take_size(w, label, w->lab->sizes[i], images, &best, &remedies));
        json_array_append_new(points, json_pack("{s:I s:O s:O}", "images", (json_int_t)w->lab->sizes[i], "nothing",
                                                json_object_get(remedies, "nothing"), "best",
                                                json_object_get(remedies, best.name)));
    }
    json_object_set_new(w->results, "curve",
                        json_pack("{s:O s:o s:s s:I s:O}", "case", json_object_get(first, "name"), "class",
                                  json_text(w->set.set->class_names[label]), "best", best.name, "at",
                                  (json_int_t)images, "points", points));
    return CF_OK;
}

/* ---- Beginning and end ---- */

/* What lies in the folder must be a lab's, whose trainings of other settings begin anew. */
static cf_status check_folder(const char *folder) {
    static const char *const others[] = {"config.json", "group.json", "study.json", "tune.db"};
    for (size_t i = 0; i < COUNT_OF(others); i++)
        FAIL_IF(file_exists_in(folder, others[i]), CF_BAD_USE,
                "%s holds something else (there is %s in it); name another folder with --out", folder, others[i]);
    return file_check_folder(folder);
}

/* What a training's options are refused for is told before any is trained. */
static cf_status check_cases(const Lab *lab, const cf_set *set) {
    for (int c = 0; c < lab->case_count; c++) {
        const LabTraining t = {
            .base = lab->base, .limit = lab->cases[c].limit, .augment = lab->augment, .steps = lab->steps};
        FORWARD(lab_check_remedies(&t, set, lab->remedies, lab->remedy_count));
    }
    return CF_OK;
}

static int count_stages(const Lab *lab) {
    Remedy trained[MOST_REMEDIES];
    const int sizes = lab->size_count ? lab->size_count - 1 : 0;
    return lab->seeds * (lab->case_count * lab_trained(lab->remedies, lab->remedy_count, trained) + 2 * sizes);
}

static cf_status begin_lab(Work *w, const StudyOptions *options) {
    FORWARD(check_folder(options->folder));
    FORWARD(shelf_take(&w->study.shelf, w->lab->base->data, w->lab->base->data_dir, &w->set.set));
    FORWARD(check_cases(w->lab, w->set.set));
    FORWARD(data_short_name(w->lab->base->data, w->set.name));
    memcpy(w->set.data_print, w->set.set->sha256, SHA256_HEX);
    w->study.stages = count_stages(w->lab);
    return study_take_folder(&w->study);
}

static cf_status write_all(const Work *w) {
    const char *folder = w->study.options->folder;
    AUTO_FREE char *document = NULL, *table = NULL;
    FORWARD(file_join(folder, "imbalance.json", &document));
    FORWARD(json_write(document, w->results));
    FORWARD(file_join(folder, "imbalance.csv", &table));
    FORWARD(lab_write_csv(w->results, table));
    FORWARD(lab_draw(folder, w->set.name, w->study.options->formats, w->results));
    return lab_page_write(folder, w->lab, w->results);
}

static void work_end(Work *w) {
    json_decref(w->results);
    study_end(&w->study);
}

cf_status lab_run(const Lab *lab, SetShelf *shelf, const StudyOptions *options, json_t **results) {
    AUTO(work_end)
    Work w = {.lab = lab, .study = {.options = options, .threads = slices_threads(options->threads), .shelf = *shelf}};
    *shelf = (SetShelf){0};
    w.study.results = json_object();
    w.results = json_pack("{s:o s:i s:i s:o s:[] s:n}", "data", json_text(lab->base->data), "seeds", lab->seeds,
                          "steps", lab->steps, "model", json_text(lab->base->model), "cases", "curve");
    FAIL_IF(!w.results || !w.study.results, CF_NO_MEMORY, "out of memory");
    FORWARD(begin_lab(&w, options));
    for (int i = 0; i < lab->case_count; i++) FORWARD(do_case(&w, i));
    FORWARD(do_curve(&w));
    FORWARD(write_all(&w));
    *results = memory_take(&w.results);
    return CF_OK;
}
