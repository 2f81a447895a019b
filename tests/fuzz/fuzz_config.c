/* A run's config.json. What is accepted is written and read again: the same configuration. */
#include "fuzz.h"

#include "study/run/run.h"

static void check_round_trip(const RunConfig *config) {
    RunConfig again;
    json_t *json, *second;
    cf_status status = run_config_json(config, &json);
    fuzz_settled(status);
    if (status) return;
    PROMISE(run_config_from_json(json, &again) == CF_OK);
    PROMISE(run_config_json(&again, &second) == CF_OK);
    PROMISE(json_equal(json, second));
    json_decref(json);
    json_decref(second);
    run_config_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    RunConfig config;
    const cf_status status = run_config_read(fuzz_file(0, data, size), &config);
    fuzz_settled(status);
    if (status) return 0;
    check_round_trip(&config);
    run_config_free(&config);
    return 0;
}
