#include "study/run/run_exports.h"

#include "base/numbers.h"
#include "nn/int8/int8.h"

cf_status run_measure_export(Run *run, ExportRecord *record) {
    AUTO(int8_network_free_at) Int8Network *integers = NULL;
    const cf_subset *images;
    const char *part;
    StepResult result;
    if (run->split) /* the format has asked for them */
        images = cf_split_part(run->split, CF_TEST);
    else
        FORWARD(run_choose_images(run, NULL, NULL, NULL, &images, &part));
    if (record->int8) FORWARD(int8_network_new(run->model, cf_split_part(run->split, CF_TRAIN), 0, &integers));
    const ClassifyOptions options = {.engine = run->engine, .int8 = integers};
    const double begin = clock_seconds();
    FORWARD(classify(run->model, images, &options, NULL, &result));
    record->images_per_second = (double)images->count / (clock_seconds() - begin);
    record->images = (int64_t)images->count;
    record->accuracy = (double)result.correct / (double)images->count;
    return CF_OK;
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

/* A damaged list begins anew. */
cf_status run_note_export(const Run *run, const ExportRecord *record) {
    AUTO_FREE char *path = NULL;
    json_auto_t *before = NULL, *list = json_array(), *entry = export_record_json(record);
    json_t *other;
    size_t i;
    FORWARD(file_join(run->folder, "exports.json", &path));
    if (file_exists(path)) json_read(path, &before);
    json_array_foreach(json_object_get(before, "exports"), i,
                       other) if (!json_equal(json_object_get(other, "file"), json_object_get(entry, "file")))
        json_array_append(list, other);
    json_array_append(list, entry);
    json_auto_t *root = json_pack("{s:O}", "exports", list);
    return json_write(path, root);
}
