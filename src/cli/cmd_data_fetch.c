/* cifra data fetch: downloads sets, verified, into the data folder. */
#include "cli/commands.h"

#include "base/json_text.h"
#include "base/numbers.h"
#include "base/text.h"
#include "cli/terminal.h"
#include "data/fetch/fetch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct FetchArguments {
    const char *data_dir, *mirror, *mirrors;
    int stall, tries;
    bool verify, by_hand;
} FetchArguments;

#define MEMBER(name) OPTION_MEMBER(FetchArguments, name)

static const Option options[] = {
    {"data-dir", "DIR", OPTION_TEXT, .help = "the folder to fetch into, a sub-folder for each set",
     .default_text = "$CIFRA_DATA, else ~/.cache/cifra", MEMBER(data_dir)},
    {"mirror", "URL", OPTION_TEXT,
     .help = "ask URL/FILE first; \"{set}\" in it stands for the set's name: http://files.lab/{set}/", MEMBER(mirror)},
    {"mirrors", "FILE", OPTION_TEXT, .help = "more mirrors, and sets of your own, in YAML (see above)",
     MEMBER(mirrors)},
    {"verify", NULL, OPTION_FLAG, .help = "read again what was verified before", MEMBER(verify)},
    {"stall", "SECONDS", OPTION_INTEGER, 1, 86400,
     .help =
         "give up a transfer that is below 1000 bytes a second for so long, and a connection that takes so long (15 at most)",
     .usual = "30", MEMBER(stall)},
    {"tries", "N", OPTION_INTEGER, 1, 1000,
     .help = "how often a mirror is asked whose transfers break off; one that brought a megabyte is not counted",
     .usual = "3", MEMBER(tries)},
    {"by-hand", NULL, OPTION_FLAG, .help = "fetch nothing; tell addresses, sizes, checksums and the folder",
     MEMBER(by_hand)},
};

/* ---- Progress ---- */

typedef struct Rate {
    const FetchFile *file;
    double begin;
    uint64_t from; /* bytes that were there at the beginning */
} Rate;

static void megabytes(uint64_t bytes, char text[32]) {
    snprintf(text, 32, bytes < 10000000 ? "%.2f" : "%.0f", (double)bytes / 1e6);
}

static void show_transfer(const FetchProgress *p, const Rate *rate, double now) {
    char done[32], total[32], left[32] = "";
    const double seconds = now - rate->begin;
    const double speed = seconds > 0.5 ? (double)(p->done - rate->from) / seconds : 0;
    megabytes(p->done, done);
    megabytes(p->total, total);
    if (p->total > p->done && speed > 0) terminal_time_left((double)(p->total - p->done) / speed, left);
    if (p->total)
        terminal_live_line("%s/%s  %3.0f %%  %s of %s MB  %.2f MB/s  %s", p->set->name, p->file->name,
                           100 * (double)p->done / (double)p->total, done, total, speed / 1e6, left);
    else
        terminal_live_line("%s/%s  %s MB  %.2f MB/s", p->set->name, p->file->name, done, speed / 1e6);
}

static bool show_progress(const FetchProgress *p, void *context) {
    Rate *rate = context;
    const double now = clock_seconds();
    if (rate->file != p->file || p->stage != FETCH_TRANSFERS || p->done < rate->from)
        *rate = (Rate){p->file, now, p->done};
    if (terminal_interrupted())
        terminal_live_end();
    else if (p->stage == FETCH_TRANSFERS)
        show_transfer(p, rate, now);
    else
        terminal_live_line("%s/%s  %s", p->set->name, p->file->name,
                           p->stage == FETCH_VERIFIES ? "being verified" : "waiting");
    return !terminal_interrupted();
}

/* ---- What is told ---- */

static void print_result(const FetchSet *set, const FetchResult *r) {
    char bytes[32];
    text_thousands((long long)r->bytes, bytes);
    if (r->state == FETCH_THERE)
        print_printable("%s/%s: there already, verified\n", set->name, file_base_name(r->path));
    else if (r->state == FETCH_FETCHED)
        print_printable("%s/%s: %s bytes from %s, verified\n", set->name, file_base_name(r->path), bytes, r->url);
    fflush(stdout);
}

/* Those of a file, in the order in which they are asked, as they may be shown. */
static cf_status list_urls(const FetchSet *set, const FetchFile *file, const char *mirror, json_t *urls) {
    for (size_t m = 0; m < set->mirror_count + (mirror ? 1 : 0); m++) {
        AUTO_FREE char *url = NULL, *shown = NULL;
        const char *base = !mirror ? set->mirrors[m] : m ? set->mirrors[m - 1] : mirror;
        FORWARD(fetch_url(base, set, file, &url));
        FORWARD(fetch_shown_url(url, &shown));
        json_array_append_new(urls, json_text(shown));
    }
    return CF_OK;
}

static json_t *file_json(const FetchFile *file) {
    return json_pack("{s:s s:I s:s* s:s*}", "name", file->name, "content_bytes", (json_int_t)file->size, "sha256",
                     file->sha256[0] ? file->sha256 : NULL, "md5", file->md5[0] ? file->md5 : NULL);
}

static json_t *result_json(const FetchFile *file, const FetchResult *r) {
    static const char *const words[] = {"missing", "there", "fetched"};
    json_t *json = file_json(file);
    json_object_set_new(json, "state", json_string(words[r->state]));
    if (r->path) json_object_set_new(json, "path", json_text(r->path));
    if (r->state != FETCH_MISSING) json_object_set_new(json, "bytes", json_integer((json_int_t)r->bytes));
    if (r->url) json_object_set_new(json, "url", json_text(r->url));
    json_object_set_new(json, "faults", json_text_list(r->faults, r->fault_count));
    return json;
}

/* Of each file its description, with all addresses. */
static cf_status by_hand_json(const FetchSet *set, const char *mirror, json_t *files) {
    for (size_t f = 0; f < set->file_count; f++) {
        json_t *file = file_json(&set->files[f]), *urls = json_array();
        json_object_set_new(file, "urls", urls);
        json_array_append_new(files, file);
        FORWARD(list_urls(set, &set->files[f], mirror, urls));
    }
    return CF_OK;
}

static void print_file_by_hand(FILE *out, const FetchFile *file, const json_t *urls) {
    const bool packed = fetch_is_packed(file->name);
    const char *of = packed ? " of the unpacked content" : "";
    char bytes[32];
    json_t *url;
    size_t i;
    fprintf(out, "  %s: %s bytes%s\n", file->name, text_thousands((long long)file->size, bytes),
            packed ? " unpacked" : "");
    if (file->sha256[0]) fprintf(out, "    SHA-256 %s%s\n", file->sha256, of);
    if (file->md5[0]) fprintf(out, "    MD5 %s%s%s\n", file->md5, of, file->sha256[0] ? "" : " (no SHA-256 is known)");
    json_array_foreach(urls, i, url) fprintf(out, "    %s\n", json_string_value(url));
}

static cf_status print_by_hand(FILE *out, const FetchSet *set, const char *folder, const char *mirror) {
    AUTO_FREE char *place = NULL;
    json_auto_t *files = json_array();
    FORWARD(file_join(folder, set->folder, &place));
    FORWARD(by_hand_json(set, mirror, files));
    fprintf(out, "%s by hand: bring these files into %s, then `cifra data fetch %s` verifies them\n", set->name, place,
            set->name);
    for (size_t f = 0; f < set->file_count; f++)
        print_file_by_hand(out, &set->files[f], json_object_get(json_array_get(files, f), "urls"));
    return CF_OK;
}

/* ---- The work ---- */

typedef struct Session {
    const Arguments *given;
    const FetchArguments *a;
    FetchOptions fetch;
    char *folder;
    json_t *sets;      /* with --json */
    char missing[256]; /* the names of the sets that could not be had */
} Session;

static void session_free(Session *s) {
    json_decref(s->sets);
    free(s->folder);
}

static void print_missing(const Session *s, const FetchSet *set, const FetchFile *file, const FetchResult *r) {
    terminal_live_end();
    fprintf(stderr, "%s/%s could not be fetched:\n", set->name, file->name);
    for (size_t i = 0; i < r->fault_count; i++) fprintf(stderr, "  %s\n", r->faults[i]);
    if (!r->fault_count) fprintf(stderr, "  %s\n", cf_error());
    if (print_by_hand(stderr, set, s->folder, s->a->mirror)) fprintf(stderr, "  %s\n", cf_error());
}

/* CF_BAD_INPUT: a file of it is not to be had, which has been told. */
static cf_status fetch_files(const Session *s, const FetchSet *set, json_t *files) {
    for (size_t f = 0; f < set->file_count; f++) {
        AUTO(fetch_result_free) FetchResult r = {0};
        const cf_status status = fetch_file(set, &set->files[f], s->folder, &s->fetch, &r);
        terminal_live_end();
        if (files) json_array_append_new(files, result_json(&set->files[f], &r));
        if (!status && !files) print_result(set, &r);
        if (status == CF_BAD_INPUT) print_missing(s, set, &set->files[f], &r);
        FORWARD(status);
    }
    return CF_OK;
}

static cf_status fetch_set(Session *s, const FetchSet *set) {
    AUTO_FREE char *place = NULL;
    FORWARD(file_join(s->folder, set->folder, &place));
    json_t *files = s->sets ? json_array() : NULL;
    if (files)
        json_array_append_new(
            s->sets, json_pack("{s:s s:o s:o}", "name", set->name, "folder", json_text(place), "files", files));
    if (s->a->by_hand)
        return files ? by_hand_json(set, s->a->mirror, files) : print_by_hand(stdout, set, s->folder, s->a->mirror);
    const cf_status status = fetch_files(s, set, files);
    if (!status && !files) print_printable("%s is in %s\n", set->name, place);
    if (status != CF_BAD_INPUT) return status;
    text_append(s->missing, sizeof s->missing, "%s%s", s->missing[0] ? ", " : "", set->name);
    return CF_OK;
}

static cf_status fetch_sets(Session *s, const FetchCatalog *catalog) {
    const FetchSet *sets[64];
    const int count = s->given->positional_count;
    FAIL_IF(count > (int)COUNT_OF(sets), CF_BAD_USE, "more than %zu sets at once", COUNT_OF(sets));
    /* A wrong name is told before anything is fetched. */
    for (int i = 0; i < count; i++) FORWARD(fetch_catalog_find(catalog, s->given->positional[i], &sets[i]));
    for (int i = 0; i < count; i++) FORWARD(fetch_set(s, sets[i]));
    return CF_OK;
}

static cf_status run_fetch(const Arguments *given, const void *parsed) {
    const FetchArguments *a = parsed;
    Rate rate = {.file = NULL};
    AUTO(fetch_catalog_free) FetchCatalog catalog = {0};
    AUTO(session_free) Session s = {.given = given, .a = a};
    s.fetch = (FetchOptions){a->mirror, a->stall, a->tries, a->verify, show_progress, &rate};
    if (a->mirror) FORWARD(fetch_check_mirror(a->mirror));
    FORWARD(fetch_catalog_new(&catalog));
    if (a->mirrors) FORWARD(fetch_catalog_read(a->mirrors, &catalog));
    FORWARD(fetch_folder(a->data_dir, &s.folder));
    if (given->json) s.sets = json_array();
    terminal_catch_interrupt();
    const cf_status status = fetch_sets(&s, &catalog);
    FAIL_IF(status == CF_INTERRUPTED, status, "stopped; what has come is kept. The same command goes on from there");
    FORWARD(status);
    if (s.sets) FORWARD(print_json(json_pack("{s:o s:O}", "data_dir", json_text(s.folder), "sets", s.sets)));
    FAIL_IF(s.missing[0], CF_IO, "could not be fetched: %s; what was wrong, and what to do by hand, stands above",
            s.missing);
    return CF_OK;
}

const Command command_data_fetch = {
    .name = "data fetch",
    .summary = "download sets, verified",
    .usage = "SET... [--data-dir DIR] [--mirror URL] [--mirrors FILE]",
    .description =
        "Downloads mnist, fashion-mnist, svhn or svhn-extra (extra_32x32.mat, 1.3 GB, into svhn's folder; name it by its path), "
        "each file from the first mirror that has it, into the folder where it is found by name afterwards.\n\n"
        "A file gets its name only after its content was verified: size and SHA-256, or MD5 where nothing else is known. What "
        "counts is the unpacked content, so a .gz may be packed by anyone; one that a server sends unpacked is kept without the "
        ".gz. Until then it is FILE.part. Interrupted anywhere, the same command goes on; two at once wait for each other. What "
        "is there and verified is left alone; what is there and damaged is told, and replaced once the new one is verified.\n\n"
        "Where no mirror has a file, it is told what each one said, and what to bring by hand: --by-hand tells it at once. "
        "Files brought by hand are verified by the same command. Proxies are those of http_proxy, https_proxy, all_proxy and "
        "no_proxy.\n\n"
        "A mirrors file names mirrors to ask before those that are built in (or, with only: true, in their place), and sets of "
        "your own:\n\n"
        "    only: true\n"
        "    sets:\n"
        "      - name: mnist\n"
        "        mirrors: [http://files.lab.example/mnist/]\n"
        "      - name: lab-digits\n"
        "        mirrors: [http://files.lab.example/digits/]\n"
        "        files:\n"
        "          - name: train-images-idx3-ubyte.gz\n"
        "            size: 7840016       # of the unpacked content\n"
        "            sha256: 0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7\n\n"
        "Examples:\n\n"
        "    cifra data fetch mnist svhn\n"
        "    cifra data fetch mnist fashion-mnist --mirror http://files.lab.example/{set}/\n"
        "    cifra data fetch svhn --by-hand",
    .positional = {1, ANY_NUMBER},
    COMMAND_OPTIONS(options, FetchArguments),
    .run = run_fetch,
};
