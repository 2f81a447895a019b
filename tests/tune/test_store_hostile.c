/* A store that someone else has made: it is read or refused, it runs nothing, and nothing outside its folder is touched. */
#include "testing.h"

#include "base/limits.h"
#include "base/memory.h"
#include "tune/results.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A sound tune of two trials with their curves and jobs. */
static void fill_tune(const char *folder) {
    static unsigned char right[] = {1, 0, 1, 1};
    Store *store;
    Space space;
    json_t *settings = NULL, *json;
    assert_ok(space_paper(&space));
    assert_ok(space_json(&space, &json));
    settings = json_pack("{s:o}", "space", json);
    assert_ok(store_open(folder, &store));
    assert_ok(store_settle(store, settings));
    assert_ok(store_name_data(store, "hand"));
    json_decref(settings);
    for (int id = 1; id <= 2; id++) {
        const Trial trial = {.id = id, .point = space_point(&space, id), .seed = 1};
        const Trial done = {.state = TRIAL_DONE, .seconds = 1, .correct = right, .correct_count = sizeof right};
        const Job job = {.number = id - 1, .trial = id, .budget = 2};
        assert_ok(store_add_trial(store, &space, &trial));
        assert_ok(store_add_job(store, &job));
        assert_ok(store_record_epoch(store, id, &(TrialEpoch){1, 0.1, 2, 0.5, 1, 0.75, 1}, true));
        assert_ok(store_finish(store, &job, &done, OBJECTIVE_LOSS));
    }
    store_close(store);
    space_free(&space);
}

/* A copy of it; its folder, until the next call. */
static const char *make_tune(void) {
    static char folder[512];
    static unsigned char *bytes;
    static size_t size;
    static int number;
    snprintf(folder, sizeof folder, "%s/tune%d", scratch_folder(), number++);
    if (!bytes) {
        fill_tune(folder);
        assert_ok(file_read(path_in(folder, "tune.db"), 1 << 20, &bytes, &size));
        return folder;
    }
    assert_ok(file_make_folder(folder));
    write_bytes(path_in(folder, "tune.db"), bytes, size);
    return folder;
}

static void change(const char *folder, const char *sql) {
    sqlite3 *db;
    char *message = NULL;
    assert_int_equal(sqlite3_open(path_in(folder, "tune.db"), &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
    if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) fail_msg("%s: %s", sql, message);
    sqlite3_close(db);
}

static void is_refused(const char *folder, const char *part) {
    TuneResults results;
    assert_fails(results_read(folder, &results), CF_BAD_INPUT, part);
}

/* ---- What a file would do ---- */

static void foreign_pieces_are_refused(void **state) {
    (void)state;
    static const char *const pieces[][2] = {
        {"CREATE TRIGGER evil AFTER UPDATE ON trials BEGIN DELETE FROM epochs; END", "trigger evil"},
        {"ALTER TABLE jobs RENAME TO old; CREATE VIEW jobs AS SELECT * FROM old", "table old"},
        {"DROP TABLE epochs; CREATE VIEW epochs AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "
         "SELECT 1 AS trial, x AS epoch, 0 AS rate, 0 AS train_loss FROM c",
         "view epochs"},
        {"CREATE INDEX more ON trials (seed)", "index more"},
        {"ALTER TABLE trials ADD COLUMN x AS (zeroblob(100000000))", "table trials"},
        {"DROP TABLE jobs", "not all of its tables"}};
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        Store *store;
        const char *folder = make_tune();
        change(folder, pieces[i][0]);
        is_refused(folder, pieces[i][1]);
        assert_fails(store_open(folder, &store), CF_BAD_INPUT, pieces[i][1]);
    }
}

/* The end of a rollback journal with the name of a super-journal, as SQLite writes it. */
static void write_journal(const char *folder, const char *super) {
    static const unsigned char magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
    unsigned char journal[1024] = {0};
    const size_t length = strlen(super);
    unsigned sum = 0;
    for (size_t i = 0; i < length; i++) sum += (unsigned)(signed char)super[i];
    memcpy(journal, magic, sizeof magic);
    journal[19] = 2;         /* pages of the file */
    journal[22] = 2;         /* 512: a sector */
    journal[26] = 4096 >> 8; /* a page */
    unsigned char *end = journal + 512 + 4;
    journal[515] = 1;
    memcpy(end, super, length);
    end += length;
    for (int i = 0; i < 4; i++) {
        end[i] = (unsigned char)(length >> (24 - 8 * i));
        end[4 + i] = (unsigned char)(sum >> (24 - 8 * i));
    }
    memcpy(end + 8, magic, sizeof magic);
    write_bytes(path_in(folder, "tune.db-journal"), journal, (size_t)(end + 16 - journal));
}

static void a_journal_removes_no_other_file(void **state) {
    (void)state;
    const char *victims[] = {path_in(scratch_folder(), "precious"), path_in(scratch_folder(), "other/tune.db-journal")};
    for (size_t i = 0; i < COUNT_OF(victims); i++) {
        TuneResults results;
        const char *folder = make_tune();
        char whole[512];
        snprintf(whole, sizeof whole, "%s", victims[i]);
        if (i) {
            *strrchr(whole, '/') = '\0';
            assert_ok(file_make_folder(whole));
        }
        write_bytes(victims[i], "precious", 8);
        write_journal(folder, victims[i]);
        const cf_status status = results_read(folder, &results);
        assert_true(file_exists(victims[i]));
        if (!i) assert_ok(status); /* the journal is of no change to this file alone, so it is left out */
        if (!status) results_free(&results);
    }
}

static void a_link_is_not_followed(void **state) {
    (void)state;
    Store *store;
    const char *folder = make_tune(), *other = path_in(scratch_folder(), "moved.db");
    assert_int_equal(rename(path_in(folder, "tune.db"), other), 0);
    assert_int_equal(symlink(other, path_in(folder, "tune.db")), 0);
    is_refused(folder, "is to be a file; found a link");
    assert_fails(store_open(folder, &store), CF_BAD_INPUT, "found a link");
}

/* ---- Pages ---- */

/* Page `page`, of 4096 bytes, from 1. */
static void put_page(const char *folder, int page, const unsigned char *bytes) {
    FILE *file = fopen(path_in(folder, "tune.db"), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4096L * (page - 1), SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, 4096, file), 4096);
    assert_int_equal(fclose(file), 0);
}

/* An inner page all of whose cells point to the page after it. */
static void make_inner(unsigned char page[4096], int child, size_t begin) {
    enum { CELLS = 200 };
    unsigned char *head = page + begin;
    memset(head, 0, 4096 - begin);
    head[0] = 5;
    head[4] = CELLS;
    head[5] = (4096 - 5 * CELLS) >> 8, head[6] = (4096 - 5 * CELLS) & 0xff;
    head[11] = (unsigned char)child;
    for (int i = 0; i < CELLS; i++) {
        const int at = 4096 - 5 * (i + 1);
        head[12 + 2 * i] = (unsigned char)(at >> 8), head[13 + 2 * i] = (unsigned char)at;
        page[at + 3] = (unsigned char)child;
        page[at + 4] = (unsigned char)(i & 0x7f);
    }
}

/* The pages of the table `trials` name each other: 200^8 rows in some kilobytes. Counting them would take years. */
static void rows_without_end_are_refused(void **state) {
    (void)state;
    enum { LEVELS = 8 };
    unsigned char page[4096];
    sqlite3 *db;
    sqlite3_stmt *s;
    const char *folder = make_tune();
    assert_int_equal(sqlite3_open(path_in(folder, "tune.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(
                         db,
                         "SELECT rootpage, (SELECT * FROM pragma_page_count) FROM sqlite_master WHERE name = 'trials'",
                         -1, &s, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    const int root = sqlite3_column_int(s, 0), pages = sqlite3_column_int(s, 1);
    sqlite3_finalize(s);
    sqlite3_close(db);
    change(folder, "CREATE TABLE room (x); INSERT INTO room VALUES (zeroblob(100000)); "
                   "DROP TABLE room");
    FILE *file = fopen(path_in(folder, "tune.db"), "rb");
    assert_non_null(file);
    assert_int_equal(fseek(file, 4096L * (root - 1), SEEK_SET), 0);
    assert_int_equal(fread(page, 1, sizeof page, file), sizeof page);
    fclose(file);
    put_page(folder, pages + LEVELS, page);
    for (int level = 1; level < LEVELS; level++) {
        make_inner(page, pages + level + 1, 0);
        put_page(folder, pages + level, page);
    }
    make_inner(page, pages + 1, 0);
    put_page(folder, root, page);
    is_refused(folder, "is damaged");
}

/* The same of the schema, which SQLite reads before anything can be checked. */
static void a_schema_without_end_is_refused(void **state) {
    (void)state;
    enum { LEVELS = 8 };
    unsigned char first[4096], page[4096];
    const char *folder = make_tune();
    change(folder, "CREATE TABLE room (x); INSERT INTO room VALUES (zeroblob(100000)); DROP TABLE room");
    FILE *file = fopen(path_in(folder, "tune.db"), "rb");
    assert_non_null(file);
    assert_int_equal(fread(first, 1, sizeof first, file), sizeof first);
    fclose(file);
    memset(page, 0, sizeof page); /* a leaf with a row of five NULLs, of which SQLite only notes that it is wrong */
    page[0] = 13, page[4] = 1, page[5] = (4096 - 8) >> 8, page[6] = (4096 - 8) & 0xff;
    page[8] = (4096 - 8) >> 8, page[9] = (4096 - 8) & 0xff;
    memcpy(page + 4096 - 8, "\6\1\6\0\0\0\0\0", 8);
    put_page(folder, 10 + LEVELS, page);
    for (int level = 1; level < LEVELS; level++) {
        make_inner(page, 10 + level + 1, 0);
        put_page(folder, 10 + level, page);
    }
    make_inner(first, 10 + 1, 100);
    put_page(folder, 1, first);
    is_refused(folder, "tune.db");
}

/* ---- Values ---- */

static void values_out_of_range_are_refused(void **state) {
    (void)state;
    static const char *const changes[][2] = {
        {"UPDATE trials SET id = -5 WHERE id = 1", "id: a whole number from 0 to"},
        {"UPDATE trials SET id = 2147483647 WHERE id = 2", "id: a whole number from 0 to"},
        {"UPDATE trials SET id = 4 WHERE id = 2", "trial 2 expected, found trial 4"},
        {"UPDATE trials SET repeats = 2 WHERE id = 2",
         "trial 2: repeats: a whole number from 0 to 1 expected, found 2"},
        {"UPDATE trials SET repeats = -1 WHERE id = 2", "trial 2: repeats"},
        {"UPDATE trials SET budget = 4294967297", "budget"},
        {"UPDATE trials SET budget = 'many'", "trial 1: budget: a whole number from 0 to 100000 expected, found many"},
        {"UPDATE trials SET epochs_run = 1e300", "epochs_run"},
        {"UPDATE trials SET best_epoch = 2", "best_epoch: a whole number from 0 to 1"},
        {"UPDATE trials SET validation_loss = 9e999", "validation_loss"},
        {"UPDATE trials SET validation_loss = -9e999", "validation_loss"},
        {"UPDATE trials SET validation_accuracy = 1.5",
         "validation_accuracy: a number from 0 to 1 expected, found 1.5"},
        {"UPDATE trials SET seconds = -1", "seconds"},
        {"UPDATE trials SET weights_sha256 = 'a,b'", "weights_sha256: hexadecimal digits expected, found a,b"},
        {"UPDATE trials SET weights_sha256 = substr(hex(zeroblob(99)), 1, 65)", "weights_sha256"},
        {"UPDATE trials SET correct = x'000102'", "correct: 0 or 1 for each image expected, found 2 for image 2"},
        {"UPDATE trials SET correct = 'yes'", "trial 1: correct: a whole number from 0 to"},
        {"UPDATE trials SET state = 'asleep'",
         "state: waiting, running, done, pruned or failed expected, found asleep"},
        {"UPDATE trials SET point = '[]'", "a configuration has no optimizer"},
        {"UPDATE trials SET reason = zeroblob(4194305)", "reason: a shorter text expected"},
        {"UPDATE trials SET worker = hex(zeroblob(2097153))", "worker: a shorter text expected"},
        {"UPDATE settings SET value = hex(zeroblob(2097153)) WHERE key = 'data'", "data: at most 4194304 bytes"},
        {"UPDATE epochs SET epoch = 100001", "trial 1, row 1: epoch: a whole number from 0 to 100000"},
        {"UPDATE epochs SET epoch = -1", "epoch"},
        {"UPDATE epochs SET rate = -1", "rate"},
        {"UPDATE epochs SET train_loss = 'x'", "train_loss"},
        {"UPDATE epochs SET train_accuracy = -0.1", "train_accuracy"},
        {"UPDATE epochs SET validation_accuracy = 2", "validation_accuracy"},
    };
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        const char *folder = make_tune();
        change(folder, changes[i][0]);
        is_refused(folder, changes[i][1]);
    }
}

static void jobs_out_of_range_are_refused(void **state) {
    (void)state;
    static const char *const changes[][2] = {
        {"UPDATE jobs SET number = number + 5", "job 5 is damaged"},
        {"UPDATE jobs SET trial = 3", "job 0 is damaged"},
        {"UPDATE jobs SET trial = -1", "job 0: trial: a whole number"},
        {"UPDATE jobs SET budget = 100001", "job 0: budget"},
        {"UPDATE jobs SET done = 2", "job 0: done"},
        {"UPDATE jobs SET over = -1", "job 0: over"},
        {"UPDATE jobs SET loss = -9e999", "job 0: loss"},
    };
    Space space;
    assert_ok(space_paper(&space));
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        Store *store;
        TuneView view = {0};
        const char *folder = make_tune();
        change(folder, changes[i][0]);
        assert_ok(store_open_existing(folder, &store));
        assert_fails(store_view(store, &space, &view), CF_BAD_INPUT, changes[i][1]);
        store_close(store);
    }
    space_free(&space);
}

/* What is told of them goes to a terminal. */
static void texts_are_tame(void **state) {
    (void)state;
    TuneResults results;
    const char *folder = make_tune();
    change(folder, "UPDATE trials SET reason = 'a' || char(27) || '[2J', worker = x'ff'; UPDATE settings SET value = "
                   "char(7) WHERE key = 'data'");
    assert_ok(results_read(folder, &results));
    assert_string_equal(results.list.trials[0].reason, "a?[2J");
    assert_string_equal(results.list.trials[0].worker, "?");
    assert_string_equal(results.data, "?");
    results_free(&results);
}

/* Only the two trials that are compared need theirs: a damaged one of a third is not even read. */
static void only_what_is_compared_is_read(void **state) {
    (void)state;
    TuneResults results;
    Comparison comparison;
    const char *folder = make_tune();
    change(folder,
           "INSERT INTO trials SELECT 3, point, seed, 0, state, budget, worker, reason, best_epoch, epochs_run, "
           "9 + validation_loss, validation_accuracy, seconds, weights_sha256, x'0102' FROM trials WHERE id = 2");
    assert_ok(results_read(folder, &results));
    assert_ok(results_compare(&results, &comparison));
    assert_int_equal(comparison.images, 4);
    assert_int_equal(results.list.count, 3);
    assert_true(results.list.trials[0].correct && results.list.trials[1].correct);
    assert_int_equal(results.list.trials[1].correct_count, 4);
    assert_null(results.list.trials[2].correct);
    assert_int_equal(results.list.trials[2].correct_count, 2);
    results_free(&results);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_pieces_are_refused),      cmocka_unit_test(a_journal_removes_no_other_file),
        cmocka_unit_test(a_link_is_not_followed),          cmocka_unit_test(rows_without_end_are_refused),
        cmocka_unit_test(a_schema_without_end_is_refused), cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(jobs_out_of_range_are_refused),   cmocka_unit_test(texts_are_tame),
        cmocka_unit_test(only_what_is_compared_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
