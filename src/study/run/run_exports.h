/* exports.json: what was made of a run for other programs, one entry per file. */
#pragma once

#include "study/run/run.h"

typedef struct ExportRecord {
    const char *file, *format; /* as they were given */
    bool int8;
    int64_t bytes;                  /* of the file, or of all files of the folder */
    int64_t flash_bytes, ram_bytes; /* of exported C: constants and arena; -1: another format */
    double multiply_adds;           /* of one image */
    double accuracy,
        images_per_second; /* of the same network in the same numbers here, over the run's test part; -1: not measured */
    int64_t images;        /* of that part */
} ExportRecord;

/* Fills in accuracy, speed and images, on all processors. `run` is opened; where images were chosen already, it was
 * with "test". */
cf_status run_measure_export(Run *run, ExportRecord *record);
/* Adds it to the run folder's exports.json, or puts it in place of that of the same file. */
cf_status run_note_export(const Run *run, const ExportRecord *record);
/* A new reference. */
json_t *export_record_json(const ExportRecord *record);
