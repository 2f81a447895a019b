/* Reads a run folder for the report: what is missing is left out, what is damaged is an error. */
#include "base/json_text.h"
#include "base/memory.h"
#include "base/text.h"
#include "study/report/report_inside.h"
#include "study/run/run.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *report_class(const ReportInput *input, int class) {
    const json_t *row = json_array_get(json_object_get(input->test, "per_class"), (size_t) class);
    const char *name = json_string_value(json_object_get(row, "class"));
    return name ? name : "?";
}

/* "folder/name" where there is such a file, else NULL. */
static cf_status find_file(const char *folder, const char *name, char **path) {
    FORWARD(file_join(folder, name, path));
    if (!file_exists(*path)) memory_free(path);
    return CF_OK;
}

static cf_status read_json(const char *folder, const char *name, json_t **json) {
    AUTO_FREE char *path = NULL;
    FORWARD(find_file(folder, name, &path));
    if (!path) return CF_OK;
    FORWARD(json_read(path, json));
    FAIL_IF(!json_is_object(*json), CF_BAD_INPUT, "%s: an object expected", path);
    return CF_OK;
}

static cf_status read_csv(const char *folder, const char *name, CsvTable *table) {
    AUTO_FREE char *path = NULL;
    FORWARD(find_file(folder, name, &path));
    return path ? csv_table_read(path, ',', table) : CF_OK;
}

static cf_status read_model(const char *folder, cf_model **model) {
    AUTO_FREE char *path = NULL;
    FORWARD(find_file(folder, "model.safetensors", &path));
    return path ? cf_model_load(path, model) : CF_OK;
}

/* ---- The test's documents fit each other ---- */

int report_rows(const ReportInput *input) {
    return input->classes < MANY_CLASSES ? input->classes : input->worst_count;
}

int report_row_class(const ReportInput *input, int row) {
    return input->classes < MANY_CLASSES ? row : input->worst[row];
}

int report_class_named(const ReportInput *input, const char *name) {
    return input->classes ? name_table_find(&input->places, name, strlen(name)) : -1;
}

/* Cells come by true class, then by predicted class. */
static void add_cell(Metrics *counts, int truth, int predicted, double count) {
    if (!(count >= 1)) return;
    const size_t whole = count < 9e15 ? (size_t)count : (size_t)9e15;
    counts->cells[counts->cell_count++] = (ConfusionCell){truth, predicted, whole};
    counts->per_class[truth].support += whole;
}

static cf_status take_rows(const ReportInput *input, const json_t *confusion, Metrics *counts) {
    const size_t classes = (size_t)counts->classes;
    size_t i, p;
    json_t *row, *count;
    FORWARD(memory_new(classes * classes, sizeof *counts->cells, &counts->cells));
    json_array_foreach((json_t *)(uintptr_t)confusion, i, row) {
        FAIL_IF(json_array_size(row) != classes, CF_BAD_INPUT,
                "%s/metrics.json: row %zu of test.confusion has %zu numbers, not %zu", input->folder, i,
                json_array_size(row), classes);
        json_array_foreach(row, p, count) add_cell(counts, (int)i, (int)p, json_number_value(count));
    }
    return CF_OK;
}

static cf_status take_cells(const ReportInput *input, const json_t *list, Metrics *counts) {
    json_int_t last = -1;
    size_t i;
    json_t *cell;
    FORWARD(memory_new(json_array_size(list), sizeof *counts->cells, &counts->cells));
    json_array_foreach((json_t *)(uintptr_t)list, i, cell) {
        const json_int_t truth = json_integer_value(json_array_get(cell, 0)),
                         predicted = json_integer_value(json_array_get(cell, 1)), classes = counts->classes;
        const bool inside =
            json_array_size(cell) == 3 && truth >= 0 && truth < classes && predicted >= 0 && predicted < classes;
        FAIL_IF(!inside || truth * classes + predicted <= last, CF_BAD_INPUT,
                "%s/metrics.json: test.confusion_cells, number %zu: a true class, a predicted one and a count were "
                "expected, behind the cell before",
                input->folder, i);
        last = truth * classes + predicted;
        add_cell(counts, (int)truth, (int)predicted, json_number_value(json_array_get(cell, 2)));
    }
    return CF_OK;
}

static cf_status check_test(ReportInput *input) {
    json_t *test = json_object_get(input->metrics, "test");
    if (!json_is_object(test)) return CF_OK;
    const json_t *confusion = json_object_get(test, "confusion"), *names = json_object_get(test, "per_class"),
                 *cells = json_object_get(test, "confusion_cells");
    const size_t classes = json_array_size(names);
    const bool wide = classes > WIDE_CLASSES;
    FAIL_IF(classes < 1 || classes > MAX_CLASSES || (!wide && json_array_size(confusion) != classes), CF_BAD_INPUT,
            "%s/metrics.json: test.per_class and test.confusion should have a row per class, 1 to %d", input->folder,
            MAX_CLASSES);
    Metrics *counts = &input->counts;
    counts->classes = (int)classes;
    FORWARD(memory_new(classes, sizeof *counts->per_class, &counts->per_class));
    FORWARD(wide ? take_cells(input, cells, counts) : take_rows(input, confusion, counts));
    input->no_cells = wide && !json_is_array(cells);
    input->test = test;
    FORWARD(name_table_new(classes, &input->places));
    for (int c = (int)classes - 1; c >= 0; c--) {
        counts->per_class[c].f1 = json_number_value(json_object_get(json_array_get(names, (size_t)c), "f1"));
        name_table_put(&input->places, report_class(input, c), c);
    }
    input->classes = (int)classes;
    input->worst_count = metrics_worst(counts, WORST_CLASSES, input->worst);
    return CF_OK;
}

/* Where images are files, their names stand behind the images' numbers. */
static cf_status check_predictions(ReportInput *input) {
    static const char *const columns[] = {"image", "file", "label", "predicted", "correct", "confidence"};
    const CsvTable *table = &input->predictions;
    const size_t files = table->columns > 1 && strcmp(csv_table_cell(table, -1, 1), columns[1]) == 0;
    const size_t heads = COUNT_OF(columns) - 1 + files;
    input->label_column = 1 + files;
    if (!table->columns || !input->classes) return CF_OK;
    const size_t rest = input->classes > WIDE_CLASSES ? 1 + 2 * LIKELIEST : (size_t)input->classes;
    FAIL_IF(table->columns != heads + rest, CF_BAD_INPUT,
            "%s/predictions.csv: %zu columns expected (%zu and %s), found %zu", input->folder, heads + rest, heads,
            input->classes > WIDE_CLASSES ? "those of the likeliest classes" : "a probability per class",
            table->columns);
    for (size_t c = 0; c < heads; c++) {
        const char *name = columns[c && !files ? c + 1 : c];
        FAIL_IF(strcmp(csv_table_cell(table, -1, c), name) != 0, CF_BAD_INPUT,
                "%s/predictions.csv: column %zu should be \"%s\", and is \"%s\"", input->folder, c + 1, name,
                csv_table_cell(table, -1, c));
    }
    return CF_OK;
}

const char *report_file(const ReportInput *input, size_t row, char text[256]) {
    if (input->label_column < 2) return NULL;
    const char *file = csv_table_cell(&input->predictions, (ptrdiff_t)row, 1);
    const size_t length = strlen(file);
    snprintf(text, 256, "%s%s", length > 250 ? ".." : "", length > 250 ? file + length - 250 : file);
    text_replace_controls(text);
    return text;
}

/* ---- Data ---- */

static cf_status load_own_set(ReportInput *input, const DataRecord *record, const char *data_dir, const cf_set **set) {
    AUTO_FREE char *name = NULL, *own_dir = NULL;
    FORWARD(json_text_value(json_object_get(input->config, "data"), &name));
    FORWARD(json_text_value(json_object_get(input->config, "data_dir"), &own_dir));
    return run_data_load(name, record, data_dir ? data_dir : own_dir, &input->shelf, set);
}

/* The images must be those of the run: an index into other data would show a wrong picture. */
static cf_status find_set(ReportInput *input, const cf_set *set, const char *data_dir) {
    AUTO(data_record_clear) DataRecord record = {.official_train = -1, .official_validation = -1};
    FORWARD(data_record_read(input->config, &record));
    const char *shown = json_string_value(json_object_get(input->config, "data"));
    FAIL_IF(!shown, CF_BAD_INPUT, "%s/config.json: data: a text expected", input->folder);
    if (!set) {
        cf_status status = load_own_set(input, &record, data_dir, &set);
        if (status == CF_NO_MEMORY) return status;
        if (status) return memory_print(&input->no_images, "The data could not be loaded: %s", cf_error());
    }
    if (!data_record_fits(&record, set))
        return memory_print(&input->no_images,
                            "%s holds other data now than the run was made with: their checksums differ.", shown);
    input->set = set;
    return CF_OK;
}

/* ---- Figures ---- */

static int is_figure(const struct dirent *entry) {
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 4 && strcmp(entry->d_name + length - 4, ".svg") == 0;
}

/* Where a figure belongs in the page, by how its name begins; others follow, by name. */
static int place_in_page(const char *name) {
    static const char *const order[] = {
        "class",    "distribution", "samples",    "augmentation",  "curves",           "training",
        "loss",     "accuracy",     "confusion.", "confusion-",    "most-conf",        "confused",
        "misclass", "top-loss",     "least-conf", "probabilities", "reliab",           "calibration",
        "roc",      "precision",    "filters",    "grad",          "attention-rollout"};
    int i = 0;
    while (i < (int)COUNT_OF(order) && strncmp(name, order[i], strlen(order[i])) != 0) i++;
    return i;
}

static int by_rank(const void *a, const void *b) {
    const char *x = ((const ReportFigure *)a)->name, *y = ((const ReportFigure *)b)->name;
    return place_in_page(x) != place_in_page(y) ? place_in_page(x) - place_in_page(y) : strcmp(x, y);
}

static cf_status find_figures(ReportInput *input) {
    AUTO_FREE char *folder = NULL;
    AUTO_FREE struct dirent **entries = NULL;
    FORWARD(file_join(input->folder, "figures", &folder));
    const int count = file_is_folder(folder) ? scandir(folder, &entries, is_figure, alphasort) : 0;
    FAIL_IF(count < 0, CF_IO, "cannot read the folder %s", folder);
    cf_status status = memory_new((size_t)count + 1, sizeof *input->figures, &input->figures);
    for (int i = 0; i < count; i++) {
        ReportFigure *figure = input->figures ? &input->figures[input->figure_count] : NULL;
        if (!status) status = memory_copy_string(entries[i]->d_name, &figure->name);
        if (!status) status = file_join(folder, figure->name, &figure->path);
        struct stat info;
        if (!status && stat(figure->path, &info) == 0) figure->bytes = (size_t)info.st_size;
        if (!status) input->figure_count++;
        free(entries[i]);
    }
    if (!status) qsort(input->figures, input->figure_count, sizeof *input->figures, by_rank);
    return status;
}

/* ---- All of it ---- */

static cf_status read_folder(const char *folder, ReportInput *input) {
    FAIL_IF(!file_is_folder(folder), CF_BAD_USE, "%s is no run folder%s; cifra runs list shows the runs", folder,
            file_exists(folder) ? " but a file" : ": there is nothing of that name");
    FORWARD(memory_copy_string(folder, &input->folder));
    FORWARD(page_folder_name(folder, &input->name));
    FORWARD(read_json(folder, "config.json", &input->config));
    FAIL_IF(!input->config, CF_BAD_USE, "%s is no run folder: there is no config.json in it", folder);
    FORWARD(read_json(folder, "metrics.json", &input->metrics));
    FORWARD(read_json(folder, "exports.json", &input->exports));
    FORWARD(read_csv(folder, "history.csv", &input->history));
    FORWARD(read_csv(folder, "predictions.csv", &input->predictions));
    FORWARD(read_csv(folder, "embedding.csv", &input->embedding));
    FORWARD(read_model(folder, &input->model));
    FORWARD(check_test(input));
    FORWARD(check_predictions(input));
    FORWARD(report_features_check(input));
    return find_figures(input);
}

cf_status report_input_read(const char *folder, const cf_set *set, const char *data_dir, ReportInput *input) {
    *input = (ReportInput){0};
    cf_status status = read_folder(folder, input);
    if (!status && input->test && (input->predictions.columns || input->embedding.columns))
        status = find_set(input, set, data_dir);
    if (status) report_input_free(input);
    return status;
}

cf_status report_check(const char *folder) {
    AUTO(report_input_free) ReportInput input = {0};
    return read_folder(folder, &input);
}

void report_input_free(ReportInput *input) {
    /* One beyond the count: where reading stopped half-way. */
    for (size_t i = 0; input->figures && i <= input->figure_count; i++) {
        free(input->figures[i].name);
        free(input->figures[i].path);
    }
    free(input->figures);
    free(input->folder);
    free(input->name);
    free(input->no_images);
    json_decref(input->config);
    json_decref(input->metrics);
    json_decref(input->exports);
    csv_table_free(&input->history);
    csv_table_free(&input->predictions);
    csv_table_free(&input->embedding);
    cf_model_free(input->model);
    metrics_free(&input->counts);
    name_table_free(&input->places);
    shelf_clear(&input->shelf);
    *input = (ReportInput){0};
}
