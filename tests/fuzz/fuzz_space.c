/* A search space: YAML, or, where the first byte is '{', JSON as a tune's store holds it. */
#include "fuzz.h"

#include "tune/space.h"

#include <stdlib.h>

static cf_status read_space(const uint8_t *data, size_t size, Space *space) {
    if (!size || data[0] != '{') return space_yaml_read(fuzz_file(0, data, size), space);
    json_t *json = json_loadb((const char *)data, size, 0, NULL);
    const cf_status status = space_from_json(json, space);
    json_decref(json);
    return status;
}

/* Through every way that a tune takes with a point. */
static void use_point(const Space *space, int64_t index) {
    cf_train_options options = cf_train_defaults();
    const SpacePoint point = space_point(space, index);
    SpacePoint again;
    char *line, *text;
    json_t *json;
    PROMISE(space_apply(space, &point, &options, &line) == CF_OK);
    PROMISE(space_point_text(space, &point, &text) == CF_OK);
    const cf_status status = space_point_json(space, &point, &json);
    fuzz_settled(status);
    if (!status) {
        fuzz_settled(space_point_from_json(space, json, &again));
        json_decref(json);
    }
    free(line);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Space space, again;
    json_t *json;
    cf_status status = read_space(data, size, &space);
    fuzz_settled(status);
    if (status) return 0;
    PROMISE(space_check(&space) == CF_OK);
    const int64_t points = space_points(&space);
    PROMISE(points >= 0);
    if (points) use_point(&space, 0), use_point(&space, points - 1);
    status = space_json(&space, &json);
    fuzz_settled(status);
    if (!status) {
        status = space_from_json(json, &again);
        PROMISE(status == CF_OK && again.count == space.count);
        space_free(&again);
        json_decref(json);
    }
    space_free(&space);
    return 0;
}
