/* A tune's store, as cifra tune, report and study open and read it. By its first byte an input is
 *
 *     S     tune.db as it stands ("SQLite format 3")
 *     J     behind it the rollback journal beside a sound tune.db
 *     K     the same, with the end of one that names a super-journal put behind it: a file outside the folder
 *     else  lines that are laid over a sound tune.db, so that the code behind SQLite is reached soon: a letter for the table (s, t,
 *           e, j) and its values, each behind a tab with its type in front (i, r, t, b); missing ones are NULL; or c and a
 *           statement that begins with CREATE
 *
 * Whatever it is, nothing outside the folder of the tune is touched. */
#include "fuzz.h"
#include "store_making.h"

#include "base/limits.h"
#include "base/memory.h"
#include "base/text_draft.h"
#include "study/figures/figures.h"
#include "study/report/report_inside.h"
#include "tune/decide.h"
#include "tune/results.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char precious[] = "precious";
static char *folder;
static unsigned char *template;
static size_t template_size;

static char *join(const char *above, const char *name) {
    char *path;
    PROMISE(file_join(above, name, &path) == CF_OK);
    return path;
}

static void make_template(void) {
    if (template) return;
    folder = join(fuzz_folder(), "tune");
    fuzz_put(precious, precious, sizeof precious);
    store_make(folder, 4);
    char *path = join(folder, "tune.db");
    PROMISE(file_read(path, 1 << 20, &template, &template_size) == CF_OK);
    free(path);
}

/* ---- Lines ---- */

static void bind_field(sqlite3_stmt *s, int at, const char *field, int length) {
    const char *value = field + 1;
    char text[64];
    snprintf(text, sizeof text, "%.*s", length > 0 ? length - 1 : 0, length > 0 ? value : "");
    if (length < 1) return;
    if (*field == 'i') sqlite3_bind_int64(s, at, strtoll(text, NULL, 10));
    if (*field == 'r') sqlite3_bind_double(s, at, strtod(text, NULL));
    if (*field == 't') sqlite3_bind_text(s, at, value, length - 1, SQLITE_TRANSIENT);
    if (*field == 'b') sqlite3_bind_blob(s, at, value, length - 1, SQLITE_TRANSIENT);
}

static void insert(sqlite3 *db, const char *sql, const char *line, const char *end) {
    sqlite3_stmt *s;
    PROMISE(sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK);
    for (int at = 1; at <= sqlite3_bind_parameter_count(s) && line < end && *line == '\t'; at++) {
        const char *field = line + 1, *stop = memchr(field, '\t', (size_t)(end - field));
        if (!stop) stop = end;
        bind_field(s, at, field, (int)(stop - field));
        line = stop;
    }
    sqlite3_step(s); /* some rows are refused by the tables */
    sqlite3_finalize(s);
}

static int no_other_files(void *context, int action, const char *a, const char *b, const char *c, const char *d) {
    (void)context, (void)a, (void)b, (void)c, (void)d;
    return action == SQLITE_ATTACH ? SQLITE_DENY : SQLITE_OK;
}

static int give_up(void *context) {
    (void)context;
    return 1;
}

static void create(sqlite3 *db, const char *sql, const char *end) {
    char *text = fuzz_text((const uint8_t *)sql, (size_t)(end - sql));
    if (strncmp(text, "CREATE ", 7) == 0) sqlite3_exec(db, text, NULL, NULL, NULL);
    free(text);
}

static void lay_line(sqlite3 *db, const char *line, const char *end) {
    static const char *const tables[] = {
        "sINSERT OR REPLACE INTO settings VALUES (?, ?)",
        "tINSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "eINSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        "jINSERT OR REPLACE INTO jobs VALUES (?, ?, ?, ?, ?, ?)"};
    if (line < end && *line == 'c') create(db, line + 1, end);
    for (size_t i = 0; i < COUNT_OF(tables); i++)
        if (line < end && *line == tables[i][0]) insert(db, tables[i] + 1, line + 1, end);
}

static void lay_lines(const char *text, size_t size) {
    sqlite3 *db;
    sqlite3_int64 made;
    unsigned char *copy = sqlite3_malloc64(template_size);
    PROMISE(copy && sqlite3_open(":memory:", &db) == SQLITE_OK);
    memcpy(copy, template, template_size);
    PROMISE(sqlite3_deserialize(db, "main", copy, (sqlite3_int64)template_size, (sqlite3_int64)template_size,
                                SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE) == SQLITE_OK);
    sqlite3_set_authorizer(db, no_other_files, NULL);
    sqlite3_progress_handler(db, 10000, give_up, NULL);
    for (const char *line = text, *all = text + size, *end; line < all; line = end + 1) {
        end = memchr(line, '\n', (size_t)(all - line));
        if (!end) end = all;
        lay_line(db, line, end);
    }
    unsigned char *bytes = sqlite3_serialize(db, "main", &made, 0);
    PROMISE(bytes);
    fuzz_put("tune/tune.db", bytes, (size_t)made);
    sqlite3_free(bytes);
    sqlite3_close(db);
}

/* ---- Journals ---- */

static void put_number(unsigned char *out, uint32_t number) {
    for (int i = 0; i < 4; i++) out[i] = (unsigned char)(number >> (24 - 8 * i));
}

/* A page's number, the name, its length and the sum of its bytes, the journal's magic. */
static void put_super_journal(const uint8_t *journal, size_t size) {
    static const unsigned char magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    char *name = join(fuzz_folder(), precious);
    const size_t length = strlen(name), whole = size + length + 20;
    unsigned char *made, *end;
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++) sum += (unsigned char)name[i];
    PROMISE(memory_new(whole, 1, &made) == CF_OK);
    if (size) memcpy(made, journal, size);
    end = made + size;
    put_number(end, 1);
    memcpy(end + 4, name, length);
    put_number(end + 4 + length, (uint32_t)length);
    put_number(end + 8 + length, sum);
    memcpy(end + 12 + length, magic, sizeof magic);
    fuzz_put("tune/tune.db-journal", made, whole);
    free(made);
    free(name);
}

static void put_input(const uint8_t *data, size_t size) {
    static const char *const beside[] = {"tune.db-journal", "tune.db-wal", "tune.db-shm"};
    for (size_t i = 0; i < COUNT_OF(beside); i++) {
        char *path = join(folder, beside[i]);
        unlink(path);
        free(path);
    }
    const char kind = size ? (char)data[0] : '\0';
    if (kind == 'S') {
        fuzz_put("tune/tune.db", data, size);
    } else if (kind == 'J' || kind == 'K') {
        fuzz_put("tune/tune.db", template, template_size);
        if (kind == 'J') fuzz_put("tune/tune.db-journal", data + 1, size - 1);
        if (kind == 'K') put_super_journal(data + 1, size - 1);
    } else {
        lay_lines((const char *)data, size);
    }
}

/* ---- What is made of it ---- */

static void check_trial(const Trial *t, int id) {
    PROMISE(t->id == id && t->repeats >= 0 && t->repeats < id);
    PROMISE(t->budget >= 0 && t->budget <= MOST_EPOCHS);
    PROMISE(t->best_epoch >= 0 && t->best_epoch <= t->epochs_run && t->epochs_run <= MOST_EPOCHS);
    PROMISE(t->best_epoch ? fabs(t->validation_loss) <= LARGEST_LOSS : isinf(t->validation_loss));
    PROMISE(t->validation_accuracy >= 0 && t->validation_accuracy <= 1 && t->seconds >= 0 && isfinite(t->seconds));
    PROMISE(strspn(t->weights_sha256, "0123456789abcdef") == strlen(t->weights_sha256));
    for (size_t i = 0; t->correct && i < t->correct_count; i++) PROMISE(t->correct[i] <= 1);
    const char *texts[] = {t->worker, t->reason};
    for (size_t i = 0; i < COUNT_OF(texts); i++) PROMISE(!texts[i] || !strchr(texts[i], '\x1b'));
}

static void check_curve(const TrialCurve *curve) {
    for (int e = 0; e < curve->count; e++) {
        const TrialEpoch *row = &curve->epochs[e];
        PROMISE(row->epoch >= 0 && row->epoch <= MOST_EPOCHS);
        PROMISE(isfinite(row->rate) && fabs(row->train_loss) <= LARGEST_LOSS &&
                fabs(row->validation_loss) <= LARGEST_LOSS);
        PROMISE(row->train_accuracy >= 0 && row->train_accuracy <= 1);
    }
}

/* The texts for the terminal and for the page. */
static void write_results(const TuneResults *r) {
    const FigureSeries figures = {"none", "", 1 << 16, 1};
    Comparison comparison;
    Effect *effects;
    json_t *json;
    char *text;
    TextDraft draft;
    PROMISE(results_compare(r, &comparison) == CF_OK);
    PROMISE(comparison_json(&comparison, &json) == CF_OK);
    json_decref(json);
    PROMISE(results_effects(r, &effects) == CF_OK);
    effects_free(r, effects);
    PROMISE(text_draft(&draft) == CF_OK);
    PROMISE(results_print(r, 20, draft.stream) == CF_OK);
    comparison_print(r, &comparison, draft.stream);
    PROMISE(text_draft_finish(&draft, &text, NULL) == CF_OK);
    PROMISE(!strchr(text, '\x1b'));
    free(text);
    PROMISE(text_draft(&draft) == CF_OK);
    fuzz_settled(section_tune(draft.stream, r, &figures));
    PROMISE(text_draft_finish(&draft, &text, NULL) == CF_OK);
    PROMISE(!strstr(text, "<fuzz")); /* a text that would be an element */
    free(text);
}

/* The figures take ten times as long as all the rest. */
static void draw_figures(const TuneResults *results) {
    const FigureOptions options = {.formats = FIGURE_SVG};
    FigureList list = {0};
    fuzz_settled(figures_tune_make(folder, results, &options, &list));
    figure_list_free(&list);
}

static void read_results(bool and_draw) {
    TuneResults results;
    const cf_status status = results_read(folder, &results);
    fuzz_settled(status);
    if (status) return;
    for (size_t i = 0; i < results.list.count; i++) {
        check_trial(&results.list.trials[i], (int)i + 1);
        check_curve(&results.curves[i]);
    }
    write_results(&results);
    if (and_draw) draw_figures(&results);
    results_free(&results);
}

/* What a worker would do next, by each way of searching. */
static void decide_next(Store *store, const Space *space) {
    TuneView view = {0};
    TuneOptions options = tune_defaults();
    options.space = space;
    options.train.epochs = 9;
    options.startup = 1;
    options.lookback = 1;
    const cf_status status = store_view(store, space, &view);
    fuzz_settled(status);
    for (int way = 0; way < 4 && !status; way++) {
        const DecideInput input = {&options, &view.list, view.jobs, view.search};
        Decision decision;
        options.sampler = way & 1 ? SAMPLER_TPE : SAMPLER_RANDOM;
        options.pruner = way & 2 ? PRUNER_ASHA : PRUNER_NONE;
        fuzz_settled(decide(&input, &decision));
    }
    view_free(&view);
}

static void check_trial_folder(const Store *store, int id) {
    char *trial;
    PROMISE(store_trial_folder(store, id, &trial) == CF_OK);
    PROMISE(strncmp(trial, folder, strlen(folder)) == 0 && !strstr(trial, ".."));
    free(trial);
}

/* A claim, within its transaction. */
static void claim(Store *store) {
    const Job job = {.number = 0, .trial = 1, .budget = 3};
    Space space;
    cf_status status = store_begin(store);
    fuzz_settled(status);
    if (status) return;
    status = store_space(store, &space);
    fuzz_settled(status);
    if (!status) {
        decide_next(store, &space);
        space_free(&space);
    }
    check_trial_folder(store, job.trial);
    fuzz_settled(store_mark_running(store, &job, "host:1.2"));
    fuzz_settled(store_prune_waiting(store));
    store_rollback(store);
}

static void settle(Store *store) {
    json_t *settings;
    const cf_status status = store_settings(store, &settings);
    fuzz_settled(status);
    if (status) return;
    json_object_del(settings, "train");
    fuzz_settled(store_settle(store, settings));
    json_decref(settings);
}

/* Transactions of their own, which take as long as all the rest. */
static void record(Store *store) {
    fuzz_settled(store_settle_kernels(store, "baseline"));
    fuzz_settled(store_record_epoch(store, 1, &(TrialEpoch){1, 0.1, 1, 0.5, 1, 0.5, 1}, true));
    fuzz_settled(store_finish(store, &(Job){.trial = 1}, &(Trial){.state = TRIAL_DONE, .seconds = 1}, OBJECTIVE_LOSS));
}

static void go_on_with_it(bool in_whole) {
    Store *store;
    const cf_status status = store_open(folder, &store);
    fuzz_settled(status);
    if (status) return;
    claim(store);
    if (in_whole) settle(store);
    if (in_whole) record(store);
    store_close(store);
}

/* ---- */

static void check_outside(void) {
    char *path = join(fuzz_folder(), precious);
    unsigned char *bytes;
    size_t size;
    PROMISE(file_read(path, 100, &bytes, &size) == CF_OK && size == sizeof precious);
    PROMISE(memcmp(bytes, precious, size) == 0);
    free(bytes);
    free(path);
    DIR *entries = opendir(fuzz_folder());
    struct dirent *entry;
    PROMISE(entries);
    while ((entry = readdir(entries)))
        PROMISE(entry->d_name[0] == '.' || strcmp(entry->d_name, precious) == 0 || strcmp(entry->d_name, "tune") == 0);
    closedir(entries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    make_template();
    put_input(data, size);
    read_results(size % 64 == 0);
    go_on_with_it(size % 4 == 0);
    check_outside();
    return 0;
}
