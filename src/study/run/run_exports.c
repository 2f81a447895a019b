#include "study/run/run_exports.h"

#include "base/json_text.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "nn/int8/int8.h"

#include <stdlib.h>
#include <string.h>

static cf_status measure(Run *run, const cf_subset *images, ExportRecord *record) {
    Int8Network *integers = NULL;
    StepResult result;
    if (record->int8) FORWARD(int8_network_new(run->model, cf_split_part(run->split, CF_TRAIN), 0, &integers));
    const ClassifyOptions options = {.engine = run->engine, .int8 = integers};
    const double begin = clock_seconds();
    const cf_status status = classify(run->model, images, &options, NULL, &result);
    record->images_per_second = (double)images->count / (clock_seconds() - begin);
    int8_network_free(integers);
    FORWARD(status);
    record->images = (int64_t)images->count;
    record->accuracy = (double)result.correct / (double)images->count;
    return CF_OK;
}

cf_status run_measure_export(Run *run, ExportRecord *record) {
    const cf_subset *images;
    const char *part;
    if (run->split) /* the format has asked for them */
        images = cf_split_part(run->split, CF_TEST);
    else
        FORWARD(run_choose_images(run, NULL, NULL, NULL, &images, &part));
    return measure(run, images, record);
}

json_t *export_record_json(const ExportRecord *r) {
    json_t *json = json_pack("{s:o s:s s:s s:I}", "file", json_text(r->file), "format", r->format, "numbers",
                             r->int8 ? "int8" : "float32", "bytes", (json_int_t)r->bytes);
    if (r->flash_bytes >= 0) {
        json_object_set_new(json, "flash_bytes", json_integer((json_int_t)r->flash_bytes));
        json_object_set_new(json, "ram_bytes", json_integer((json_int_t)r->ram_bytes));
    }
    json_object_set_new(json, "multiply_adds", json_integer((json_int_t)r->multiply_adds));
    if (r->accuracy >= 0) {
        json_object_set_new(json, "images", json_integer((json_int_t)r->images));
        json_object_set_new(json, "accuracy", json_real(r->accuracy));
        json_object_set_new(json, "images_per_second", json_real(r->images_per_second));
    }
    return json;
}

/* What the folder's list held; a damaged one begins anew. */
static json_t *read_list(const char *path) {
    json_t *root = NULL;
    if (!file_exists(path) || json_read(path, &root) || !json_is_array(json_object_get(root, "exports"))) {
        json_decref(root);
        root = json_pack("{s:[]}", "exports");
    }
    return root;
}

cf_status run_note_export(const Run *run, const ExportRecord *record) {
    char *path;
    FORWARD(file_join(run->folder, "exports.json", &path));
    json_t *root = read_list(path), *list = json_object_get(root, "exports"), *entry = export_record_json(record);
    size_t i = 0;
    while (i < json_array_size(list) &&
           !json_equal(json_object_get(json_array_get(list, i), "file"), json_object_get(entry, "file")))
        i++;
    if (i < json_array_size(list)) json_array_remove(list, i);
    json_array_append_new(list, entry);
    const cf_status status = json_write(path, root);
    json_decref(root);
    free(path);
    return status;
}
