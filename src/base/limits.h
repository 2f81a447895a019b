/* What files and texts from outside may ask for. Each limit is checked before memory is taken for what it limits, and the
 * message of a breach names it. They are far beyond what the program is made for, and keep a file of a few bytes from taking
 * the machine: together with a file's own size, which every reader holds its claims against, they bound what reading takes.
 *
 * Where a limit belongs to one format only it still stands here, so that one page tells them all. Depth: JSON may be nested
 * 2048 deep (jansson's own limit), YAML as deep as the table of keys at hand; aliases in YAML are refused.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* ---- Documents, in bytes ---- */

enum {
    MOST_JSON_BYTES = 32 << 20, /* config.json, metrics.json, a study's records; up to 100 times as much in memory */
    MOST_YAML_BYTES = 1 << 20,  /* recipes, search spaces, mirrors files */
    MOST_CSV_BYTES = 256 << 20, /* predictions.csv, embedding.csv, history.csv */
};

/* ---- Images ---- */

enum {
    LONGEST_SIDE = 65535,         /* pixels of a side */
    MOST_PIXELS = 100000000,      /* of one picture; 400 MB decoded */
    MOST_PICTURE_BYTES = 1 << 29, /* of its file */
    MOST_JPEG_SCANS = 100,        /* each scan of a progressive JPEG goes over all pixels; files in use have about 10 */
    MOST_JPEG_MEMORY = 1 << 30,   /* that libjpeg may take, beside the decoded pixels */
    MOST_TIFF_BLOCK = 1 << 29,    /* that libtiff may take at once: a strip or tile, unpacked */
    DEFLATE_RATIO = 1040,         /* deflate packs at most 1032 bytes into one: what claims more is damaged */
    MAX_CLASSES = 10000, /* of a set or a network; ImageNet's have 1,000, the largest of flora and fauna 10,000 */
    LONGEST_NAME = 255,  /* bytes of a class's name */
};
/* Pixels of a whole set, in bytes: 64 GiB. */
static const size_t MOST_SET_BYTES = (size_t)1 << 36;

/* ---- Models ---- */

enum {
    LONGEST_MODEL_LINE = 65536, /* characters */
    MOST_LAYERS = 2000,
    DEEPEST_GROUP = 16, /* of groups in a line, in each other */
    MOST_REPEATS = 1000,
    LARGEST_LAYER = 1 << 28,   /* values of one image, and weights, of one layer */
    MOST_PARAMETERS = 1 << 28, /* of a network: 1 GiB of float32 */
};

/* Of an evaluation, which holds them all: 8 GiB. */
static const size_t MOST_PROBABILITIES = (size_t)1 << 31;

/* ---- Training ---- */

enum { MOST_EPOCHS = 100000, MOST_BATCH = 65536 }; /* of a training, a trial too */
/* JSON's numbers keep it exactly. */
#define LARGEST_SEED      9e15
#define LARGEST_SEED_TEXT "9e15"

/* ---- Safetensors ---- */

/* A header of the longest names of classes takes 3 MB. */
enum { MOST_TENSORS = 16384, MOST_TENSOR_HEADER = 4 << 20 };
static const size_t MOST_TENSOR_FILE = (size_t)1 << 34;
/* Bytes of the pickle in a file of torch.save, which takes 88 times as much while it is read; a tensor takes about 100. */
enum { MOST_PICKLE = 4 << 20 };

/* ---- ONNX ---- */

enum { MOST_ONNX_ITEMS = 1 << 16 }; /* nodes, initializers, inputs, outputs, texts: of each */
static const size_t MOST_ONNX_BYTES = (size_t)1 << 31; /* protobuf's own limit */

/* ---- The store of a tune ---- */

enum {
    MOST_TRIALS = 1 << 20,
    MOST_JOBS = 1 << 25,        /* a trial may be resumed some times */
    MOST_STORE_TEXT = 4 << 20,  /* bytes of a text: the settings with the whole space, a reason */
    MOST_STORE_VALUE = 1 << 27, /* of any value: one for each validation image of a trial */
};
static const double LARGEST_LOSS = 1e300; /* float32 ends at 3e38 */

/* ---- Downloads: a mirrors file ---- */

enum { MOST_FETCH_SETS = 256, MOST_FETCH_FILES = 64, MOST_FETCH_MIRRORS = 16, LONGEST_ADDRESS = 2048 };
static const uint64_t LARGEST_CONTENT = (uint64_t)1 << 42; /* of one file, unpacked */
