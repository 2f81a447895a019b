/* Fetching data sets: what there is to fetch, where it is asked for, and one file at a time onto the disk.
 *
 * A file comes to FOLDER/SET/NAME only when its content has been verified; until then it is NAME.part, which a later call
 * goes on with. "Content" is what a file unpacks to where its name ends in .gz, since packing anew changes the bytes and
 * not the data; a server that sends such a file unpacked is believed too, and the file is then kept without the .gz.
 * Once verified, NAME.verified keeps its size, time and checksum, so that the next call need not read it again.
 */
#pragma once

#include "base/memory.h"

enum { FETCH_NAME = 64, SHA256_DIGITS = 64, MD5_DIGITS = 32 };

/* ---- What there is: fetch_catalog.c, fetch_yaml.c ---- */

typedef struct FetchFile {
    char name[FETCH_NAME];
    uint64_t size; /* of the content, in bytes */
    /* Of the content, in lower-case hexadecimal; "": not known. One of them is. */
    char sha256[SHA256_DIGITS + 1], md5[MD5_DIGITS + 1];
} FetchFile;

typedef struct FetchSet {
    char name[FETCH_NAME], folder[FETCH_NAME]; /* the folder within the data folder */
    bool own;                                  /* from a mirrors file, not built in */
    FetchFile *files;
    size_t file_count;
    char **mirrors; /* in the order in which they are asked; "{set}" stands for the set's name */
    size_t mirror_count;
} FetchSet;

typedef struct FetchCatalog {
    FetchSet *sets;
    size_t count;
} FetchCatalog;

/* The sets that are built in. */
cf_status fetch_catalog_new(FetchCatalog *catalog);
/* Lays a mirrors file over the catalog; fetch_yaml.c has its format. On failure the catalog is still to be freed. */
cf_status fetch_catalog_read(const char *path, FetchCatalog *catalog);
void fetch_catalog_free(FetchCatalog *catalog);
/* An unknown name is CF_BAD_USE, with those that are known. The set lives as long as the catalog. */
cf_status fetch_catalog_find(const FetchCatalog *catalog, const char *name, const FetchSet **set);
/* Only http:// and https:// are asked. */
cf_status fetch_check_mirror(const char *url);
/* The address of a file at a mirror; release with free(). */
cf_status fetch_url(const char *mirror, const FetchSet *set, const FetchFile *file, char **url);
/* An address without the name and the password that may be in it. */
cf_status fetch_shown_url(const char *url, char **shown);
bool fetch_is_packed(const char *name);

/* ---- One file: fetch_file.c ---- */

typedef enum FetchStage { FETCH_WAITS, FETCH_TRANSFERS, FETCH_VERIFIES } FetchStage;

typedef struct FetchProgress {
    const FetchSet *set;
    const FetchFile *file;
    FetchStage stage;
    uint64_t done, total; /* bytes; total 0: not known */
} FetchProgress;

/* Called ten times a second or so. Return false to stop: CF_INTERRUPTED; what has come is kept. */
typedef bool (*FetchProgressFn)(const FetchProgress *progress, void *context);

typedef struct FetchOptions {
    const char *mirror; /* asked before the set's own; NULL: none */
    int stall; /* seconds below FETCH_SLOWEST bytes a second after which a transfer is given up; also the longest wait for a connection */
    int tries; /* of a mirror whose transfers break off */
    bool verify;              /* read again what was verified before */
    FetchProgressFn progress; /* NULL: none */
    void *context;
} FetchOptions;

enum { FETCH_SLOWEST = 1000 };

FetchOptions fetch_defaults(void);

typedef enum FetchState { FETCH_MISSING, FETCH_THERE, FETCH_FETCHED } FetchState;

typedef struct FetchResult {
    FetchState state;
    char *path, *url; /* where it is; where it came from: NULL unless FETCH_FETCHED */
    uint64_t bytes;   /* of the file at `path` */
    char **faults;    /* what was wrong with each mirror asked: "404 Not Found, from http://..." */
    size_t fault_count;
} FetchResult;

/* The folder that sets are fetched into: the first one in which they are looked for. Release with free(). */
cf_status fetch_folder(const char *data_dir, char **folder);
/* Has one file of a set in `data_folder`. Also on failure `result` holds what was found out, and is to be freed; after
 * CF_BAD_INPUT, no mirror had the file, and `faults` tells why. */
cf_status fetch_file(const FetchSet *set, const FetchFile *file, const char *data_folder, const FetchOptions *options,
                     FetchResult *result);
void fetch_result_free(FetchResult *result);
