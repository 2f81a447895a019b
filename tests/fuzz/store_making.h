/* The store that fuzz_store lays its inputs over, and its corpus is made of: small pages, so that inputs are small. */
#pragma once

#include "tune/store.h"

#include <sqlite3.h>
#include <stdlib.h>

static inline void store_must(bool fine) {
    if (!fine) abort();
}

static inline void store_sql(const char *folder, const char *sql) {
    sqlite3 *db;
    char *path;
    store_must(file_join(folder, "tune.db", &path) == CF_OK);
    store_must(sqlite3_open(path, &db) == SQLITE_OK && sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK);
    sqlite3_close(db);
    free(path);
}

/* So many trials of the paper's space, all of them done, the last one paused. */
static inline void store_make(const char *folder, int trials) {
    static unsigned char right[] = {1, 0, 1, 1, 0, 1, 1, 1};
    Store *store = NULL;
    Space space;
    json_t *json = NULL, *settings;
    store_must(!space_paper(&space) && !space_json(&space, &json));
    settings = json_pack("{s:{s:i s:s} s:{s:s} s:o}", "train", "epochs", 3, "schedule", "cosine", "search", "sampler",
                         "tpe", "space", json);
    store_must(settings && !store_open(folder, &store) && !store_settle(store, settings));
    store_must(!store_settle_kernels(store, "baseline") && !store_name_data(store, "hand"));
    json_decref(settings);
    for (int id = 1; id <= trials; id++) {
        const int repeats = id > 2 && id < trials ? 1 : 0;
        const Trial trial = {
            .id = id, .point = space_point(&space, repeats ? 1 : id), .seed = (uint64_t)id, .repeats = repeats};
        const Trial end = {.state = id < trials ? TRIAL_DONE : TRIAL_WAITING,
                           .seconds = 0.5,
                           .weights_sha256 = "0123456789abcdef",
                           .correct = right + id % 2,
                           .correct_count = 7};
        const Job job = {.number = id - 1, .trial = id, .budget = 3};
        store_must(!store_add_trial(store, &space, &trial) && !store_add_job(store, &job));
        store_must(!store_mark_running(store, &job, "host:1.1"));
        for (int e = 1; e <= 3; e++) {
            const TrialEpoch epoch = {e, 0.1, 2.0 / e, 0.5, 2.5 / e + id, 0.25, 1};
            store_must(!store_record_epoch(store, id, &epoch, true));
        }
        store_must(!store_finish(store, &job, &end, OBJECTIVE_LOSS));
    }
    store_close(store);
    space_free(&space);
    store_sql(folder, "PRAGMA page_size = 512; VACUUM");
}
