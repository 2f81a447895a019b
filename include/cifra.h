/* cifra: train, evaluate and save small image classifiers on a CPU.
 *
 * A first program. It loads a set, trains, evaluates on data never trained on, and saves the weights:
 *
 *     #include <cifra.h>
 *     #include <stdio.h>
 *
 *     int main(void) {
 *         cf_set *digits = NULL;
 *         cf_split *split = NULL;
 *         cf_model *net = NULL;
 *         cf_train_options options = cf_train_defaults();
 *         cf_split_options parts = cf_split_defaults();
 *         cf_metrics score;
 *         options.epochs = 2;
 *         if (cf_set_load("mnist", NULL, &digits) || cf_split_new(digits, &parts, &split) ||
 *             cf_model_new("paper", split, options.seed, &net) ||
 *             cf_train(net, split, &options, NULL) ||
 *             cf_evaluate(net, cf_split_part(split, CF_TEST), 0, &score) ||
 *             cf_model_save(net, "digits.safetensors")) {
 *             fprintf(stderr, "%s\n", cf_error());
 *             return 1;
 *         }
 *         printf("accuracy %.4f\n", score.accuracy);
 *         cf_model_free(net), cf_split_free(split), cf_set_free(digits);
 *         return 0;
 *     }
 *
 * Build it with `cc first.c $(pkg-config --cflags --libs cifra)`.
 *
 * Rules that hold for every function here:
 *   - It returns a cf_status, CF_OK (0) on success; cf_error() then tells what went wrong, where, and what to do.
 *   - The library never prints, exits or aborts.
 *   - An object from _new or _load is the caller's to free with _free; _free(NULL) is fine. `const` is borrowed.
 *   - An output argument is written only on success.
 *   - The numbers depend on the data, the options and the seed, and never on the number of threads.
 */
#ifndef CIFRA_H
#define CIFRA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define CF_API __attribute__((visibility("default")))
#else
#define CF_API
#endif

/* ---- Status ------------------------------------------------------------------------------------------- */

typedef enum cf_status {
    CF_OK = 0,
    CF_BAD_INPUT,   /* a file or data set is not what it should be */
    CF_BAD_USE,     /* an option, name or argument is wrong */
    CF_IO,          /* the operating system refused to read or write */
    CF_NO_MEMORY,   /* an allocation failed */
    CF_DIVERGED,    /* training produced a non-finite loss */
    CF_INTERRUPTED, /* the caller's callback asked to stop; the checkpoint is written */
    CF_INTERNAL     /* a defect of the library or of a library below it */
} cf_status;

/* The message of the last failure on this thread; "" if there was none. Valid until the thread's next failure. */
CF_API const char *cf_error(void);
CF_API const char *cf_version(void);

/* What the library has to say besides results (a choice it made, a doubt about a file) goes to this handler;
 * NULL, the default, is silence. Process-wide; set it before other calls. */
typedef void (*cf_notice_fn)(const char *text, void *context);
CF_API void cf_set_notice_handler(cf_notice_fn handler, void *context);

/* ---- Data --------------------------------------------------------------------------------------------- */

/* Labelled images of one shape, unsigned bytes in memory. */
typedef struct cf_set cf_set;

/* Loads a set by name ("mnist", "svhn", or any folder of the data directory) or by path: a folder of IDX files, an
 * IDX or MATLAB v5 .mat file, or a folder with one sub-folder of pictures (PNG, JPEG, BMP, GIF, TIFF, WebP) per class, also in
 * parts: train/, val/, test/. "hand" and "street" are generated; "street:blur=2:4,n=1000" turns their dials (`cifra data info
 * street`). "photos:size=96x64,fit=crop,broken=skip" reads images at a size (width x height), crop, pad or squash, and leaves
 * broken pictures out; "mnist:n=1000,test=200" has so many of a set's images, always the same ones, without test= in proportion.
 * `data_dir` is where names are looked for first; NULL: $CIFRA_DATA, then $XDG_CACHE_HOME/cifra (~/.cache/cifra). */
CF_API cf_status cf_set_load(const char *name_or_path, const char *data_dir, cf_set **set);
CF_API void cf_set_free(cf_set *set);

CF_API size_t cf_set_count(const cf_set *set);
CF_API int cf_set_classes(const cf_set *set);
/* Lives as long as the set. */
CF_API const char *cf_set_class_name(const cf_set *set, int label);
/* Channels, height, width. */
CF_API void cf_set_shape(const cf_set *set, int chw[3]);

typedef enum cf_part { CF_TRAIN, CF_VALIDATION, CF_TEST, CF_ALL } cf_part;
typedef enum cf_split_mode {
    CF_SPLIT_OFFICIAL, /* official train, less a validation part cut from it where the set has none of its own; official test */
    CF_SPLIT_POOLED, /* everything, 70 % / 10 % / 20 % */
    CF_SPLIT_AT      /* the first `at` images train and validate, the rest test */
} cf_split_mode;

typedef struct cf_split_options {
    cf_split_mode mode; /* default CF_SPLIT_OFFICIAL */
    size_t at;          /* CF_SPLIT_AT: images before the cut */
    double validation; /* share that validates, of the training images (official, at) or of all (pooled); default 0.1 */
    bool stratified;   /* keep class shares equal over the parts, with an image of each class in each; default true */
    uint64_t seed;     /* which images go where; default 1 */
    const char *classes;     /* only these classes, by name: "1,2"; NULL: all. Borrowed. */
    const char *train_limit; /* at most so many training images per class: "1:50,2:1000"; NULL: none. Borrowed. */
    int folds; /* k of k-fold cross-validation, 2 and more; 0, the default: none. With CF_SPLIT_POOLED a fold of all images tests;
                  else a fold of the training images validates, in place of the share `validation` */
    int fold; /* which one, 1 .. folds */
} cf_split_options;

typedef struct cf_split cf_split;   /* three parts of a set */
typedef struct cf_subset cf_subset; /* images of a set, in an order; lives as long as its split */

CF_API cf_split_options cf_split_defaults(void);
/* Borrows `set`, which must outlive the split. */
CF_API cf_status cf_split_new(const cf_set *set, const cf_split_options *options, cf_split **split);
CF_API void cf_split_free(cf_split *split);
/* CF_ALL is every image of the set that the class filter lets through. */
CF_API const cf_subset *cf_split_part(const cf_split *split, cf_part part);
CF_API size_t cf_subset_count(const cf_subset *subset);

/* ---- Models ------------------------------------------------------------------------------------------- */

/* A network: its model line, weights, input scaling and class names. */
typedef struct cf_model cf_model;

/* Builds a model for the shape and classes of `split` from a name ("paper") or a model line such as
 * "conv 32 3x3 | bn | relu | maxpool 2 | dense classes", with weights drawn from `seed` (He-normal; half the
 * variance in the last layer). */
CF_API cf_status cf_model_new(const char *name_or_line, const cf_split *split, uint64_t seed, cf_model **model);
/* The same with the weights of another network, wherever a tensor of `source`, a run folder or a model file, fits by name and shape; the
 * layers that give outputs only where the classes are the same. The first convolution is converted between grey and RGB.
 * `name_or_line` NULL: the network of a file that cifra wrote, with its size and scaling of images, for the split's classes and channels.
 * CF_BAD_INPUT where no weights fit. cf_train_options has what of it learns then: freeze, head_epochs, lr_backbone. */
CF_API cf_status cf_model_from(const char *source, const char *name_or_line, const cf_split *split, uint64_t seed,
                               cf_model **model);
/* Safetensors, float32, PyTorch's axis order (conv OIHW, dense [out, in] over C x H x W). */
CF_API cf_status cf_model_load(const char *path, cf_model **model);
CF_API cf_status cf_model_save(const cf_model *model, const char *path);
CF_API void cf_model_free(cf_model *model);

typedef struct cf_model_description {
    const char *line;               /* the layers, a model line */
    int channels, height, width;    /* of the images that it computes with; others are converted */
    int classes;
    const char *const *class_names; /* [classes] */
    size_t parameters;
    double mflop; /* million operations for an image, a multiply-add being 2 */
} cf_model_description;

/* What is pointed to lives as long as the model. */
CF_API void cf_model_describe(const cf_model *model, cf_model_description *description);

/* ---- Training ----------------------------------------------------------------------------------------- */

typedef enum cf_optimizer { CF_SGD, CF_ADAM, CF_ADAMW, CF_MUON } cf_optimizer;
typedef enum cf_schedule { CF_CONSTANT, CF_COSINE, CF_ONE_CYCLE, CF_LINEAR, CF_STEP } cf_schedule;
/* What weight decay acts on: all trained values, or the weights of convolutions and dense layers alone. */
typedef enum cf_decay_on { CF_DECAY_ALL, CF_DECAY_WEIGHTS } cf_decay_on;
/* Loss and accuracy are of the validation part; "last" takes the last epoch, whatever that part says. */
typedef enum cf_stop_on { CF_STOP_ON_LOSS, CF_STOP_ON_ACCURACY, CF_STOP_ON_LAST } cf_stop_on;
/* What images of a target set do to a training besides, without their labels: batch norm's statistics (Li et al. 2016), Deep CORAL (Sun,
 * Saenko 2016), a domain head behind a reversed gradient (Ganin et al. 2016), self-ensembling (French et al. 2018), pseudo-labels. */
typedef enum cf_adapt { CF_ADAPT_NONE, CF_ADABN, CF_CORAL, CF_DANN, CF_MEAN_TEACHER, CF_SELF_TRAIN } cf_adapt;
typedef enum cf_engine { CF_ENGINE_FAST, CF_ENGINE_REFERENCE } cf_engine;
/* CF_BF16: activations and copies of weights in bfloat16; weights, statistics, sums and optimizer in float32. */
typedef enum cf_precision { CF_F32, CF_BF16 } cf_precision;
typedef enum cf_quantize { CF_QUANTIZE_NONE, CF_QUANTIZE_INT8 } cf_quantize;

typedef struct cf_progress {
    int epoch, epochs;        /* 1-based */
    int64_t step, steps;      /* of this epoch, 1-based */
    double loss, accuracy;    /* training means over this epoch so far */
    double images_per_second; /* since training began or was resumed */
    double seconds_left;      /* if every epoch runs */
    double learning_rate;
    double
        prepared; /* above 0: no step yet, but so much of what a frozen part gives is computed, once for all epochs */
    bool epoch_done; /* then the next three are set */
    bool best;       /* the best epoch so far, by stop_on */
    double validation_loss, validation_accuracy;
} cf_progress;

/* Return false to stop: the checkpoint is written and cf_train returns CF_INTERRUPTED. */
typedef bool (*cf_progress_fn)(const cf_progress *progress, void *context);

/* Which images an epoch is made of: all, once each; every class equally often; by the square roots of the classes' counts; all,
 * and synthetic ones up to the largest class (SMOTE: Chawla et al. 2002). */
typedef enum cf_sample { CF_NATURAL, CF_BALANCED, CF_SQRT, CF_SMOTE, CF_SMOTE_FEATURES } cf_sample;

enum { CF_LINE = 256 }; /* room of an option that is a line of text, with its end */

typedef struct cf_train_options {
    int epochs;              /* at most; default 10 */
    int batch;               /* images per step; larger is faster per image and takes fewer steps; default 128 */
    cf_optimizer optimizer;  /* default CF_SGD */
    double learning_rate;    /* the highest of the schedule; default 0.005 */
    double momentum;         /* SGD, Muon; default 0.9 */
    bool nesterov;           /* SGD: step from where the momentum leads; default false */
    double beta1, beta2;     /* Adam, AdamW: how long the moments remember; default 0.9, 0.999 */
    int muon_steps;          /* Muon: of Newton-Schulz's iteration; default 5 */
    double muon_rest;        /* Muon: AdamW's rate, for all but its matrices, as a share of learning_rate; default 0.05 */
    double weight_decay;     /* L2 for SGD and Adam, decoupled for AdamW and Muon; default 0 */
    cf_decay_on decay_on;    /* default CF_DECAY_ALL */
    double clip;             /* most that the norm of a step's gradient may be; 0: anything; default 0 */
    cf_schedule schedule;    /* default CF_CONSTANT */
    double warmup;           /* epochs in which the rate rises linearly from 0 to that of the schedule; default 0 */
    char step_at[CF_LINE];   /* CF_STEP: shares of the training at which the rate falls; default "0.5,0.75" */
    double step_factor;      /* CF_STEP: by which it falls; default 0.1 */
    char augment[CF_LINE];   /* what is done to training images: "shift 2 | rotate 10", or a name of such a line; default "none" */
    cf_sample sample;        /* default CF_NATURAL */
    char loss[CF_LINE];      /* "ce", "focal [GAMMA]", "ldam [MARGIN] [SCALE]"; default "ce" */
    char teacher[CF_LINE];   /* a run or model file whose network is imitated (Hinton et al. 2015); default "none" */
    char teacher_sha256[CF_LINE]; /* that its file must have; "none": any, the default */
    double teacher_share;    /* of the teacher in the loss, the rest is `loss`; default 0.9 */
    double temperature;      /* by which both networks' logits are divided for the teacher's part; default 4 */
    double label_smoothing;  /* this share of the target is spread over all classes; ce and focal; default 0 */
    char class_weights[CF_LINE]; /* "none", "balanced", "effective BETA", "1:2,5:0.5" by class; default "none" */
    double reweight_from;    /* the share of the epochs after which class_weights hold; default 0 */
    double logit_adjust;     /* adds this times the logarithm of the class's share to the logits; ce and focal; default 0 */
    double ema;              /* decay of the moving average of weights, which validates and is kept; 0: none; default 0 */
    double swa_from;         /* share of the epochs from which on their weights are averaged; 1: never; default 1 */
    int patience;            /* epochs that are no better before stopping; 0: never; default 5 */
    cf_stop_on stop_on;      /* what is better, for patience and the best epoch; default CF_STOP_ON_LOSS */
    char freeze
        [CF_LINE]; /* "none"; "backbone": all but the layers that give outputs; a layer's name: all up to it; default "none" */
    int head_epochs;         /* in which only the layers that give outputs learn; default 0 */
    double lr_backbone;      /* of all others the rate is this times that; default 1 */
    cf_adapt adapt;          /* to the images of `target`; default CF_ADAPT_NONE */
    double adapt_weight;     /* of the method's loss; 0, the default: 3 of self-ensembling, 1 of others */
    double adapt_threshold;  /* CF_MEAN_TEACHER: confidence above which the teacher is believed; default 0.968 */
    double adapt_balance;    /* CF_MEAN_TEACHER: weight of the class balance; default 0.005 */
    double adapt_share;      /* CF_SELF_TRAIN: of each class's images with a pseudo-label at first; 0.1 more in each round; default 0.2 */
    int adapt_round;         /* CF_SELF_TRAIN: epochs of a round; default 5 */
    const cf_split *target;  /* of another set, whose training and validation images have no labels here. Borrowed. */
    uint64_t seed;           /* order of images, what is done to them, dropout; default 1 */
    int threads;             /* 0: all processors; changes speed, never numbers */
    cf_engine engine;        /* CF_ENGINE_REFERENCE is plain C, slow, the specification */
    cf_precision precision;  /* default CF_F32; CF_BF16 falls back to it, with a notice, where the processor lacks it */
    cf_quantize quantize;    /* computes with what 8-bit integers can hold, for networks that end as such; default CF_QUANTIZE_NONE */
    const char *checkpoint;  /* path of the checkpoint, written aside and renamed; NULL: none. Borrowed. */
    bool resume;             /* go on from the checkpoint, if it is there, to the bit-identical end */
    cf_progress_fn progress; /* called after every step; NULL: none */
    void *progress_context;
} cf_train_options;

typedef struct cf_train_result {
    int epochs_run, best_epoch;                  /* 1-based */
    double validation_loss, validation_accuracy; /* of the best epoch */
    double seconds, images_per_second, gflops;   /* of this process's part; gflops over the training steps */
} cf_train_result;

CF_API cf_train_options cf_train_defaults(void);
/* Trains on the training part, chooses the epoch with the lowest validation loss (or by stop_on), and leaves its weights in `model`.
 * `result` may be NULL. */
CF_API cf_status cf_train(cf_model *model, const cf_split *split, const cf_train_options *options,
                          cf_train_result *result);

/* ---- Evaluation --------------------------------------------------------------------------------------- */

typedef struct cf_metrics {
    size_t count;
    double loss;                                  /* mean cross-entropy, natural logarithm */
    double accuracy, accuracy_low, accuracy_high; /* 95 % Wilson interval */
    double macro_precision, macro_recall, macro_f1;
    double weighted_precision, weighted_recall, weighted_f1;
} cf_metrics;

/* Classes are matched by name, channels and size are converted to the model's input. threads 0: all processors. */
CF_API cf_status cf_evaluate(const cf_model *model, const cf_subset *subset, int threads, cf_metrics *metrics);
/* Test-time augmentation: probabilities are means over the fixed views of an augmentation line such as "flip | shift 1". */
CF_API cf_status cf_evaluate_views(const cf_model *model, const cf_subset *subset, const char *line, int threads,
                                   cf_metrics *metrics);
/* The same of an ensemble: the mean of the probabilities of `count` models, which must know the same classes, in any order. */
CF_API cf_status cf_evaluate_ensemble(const cf_model *const *models, size_t count, const cf_subset *subset, int threads,
                                      cf_metrics *metrics);

/* Probabilities [count][classes] of images in memory: bytes [count][height][width][channels], channels 1 or 3 (RGB), of any size; they
 * become what the model computes with as the images of a set do. What is said of an image does not depend on the others. One image
 * is a batch of 1. threads 0: all processors. */
CF_API cf_status cf_predict(const cf_model *model, const unsigned char *images, size_t count, int height, int width, int channels,
                            int threads, float *probabilities);

/* ---- Explanation -------------------------------------------------------------------------------------- */

/* Height and width of the grid of positions that a network's last attention layers look over; CF_BAD_USE without attention. */
CF_API cf_status cf_attention_grid(const cf_model *model, int hw[2]);
/* Attention rollout (Abnar, Zuidema 2020) of each image in order: maps[images][height][width] of that grid, the share that each position
 * has, through all layers of attention, in the mean over positions: 0 and more, with the sum 1. The same for every class. */
CF_API cf_status cf_attention_rollout(const cf_model *model, const cf_subset *subset, int threads, float *maps);

/* ---- ONNX --------------------------------------------------------------------------------------------- */

typedef struct cf_onnx_options {
    bool softmax; /* the output is "probabilities"; false: "logits"; default true */
    bool int8;    /* in 8-bit integers, as QuantizeLinear and DequantizeLinear; default false, float32 */
    const cf_split *split; /* int8: its training part gives the ranges. Borrowed. */
    int threads;           /* int8: for that; 0: all processors */
} cf_onnx_options;

CF_API cf_onnx_options cf_onnx_defaults(void);
/* Writes the network as ONNX (opset 17): from "image", float32 [N, C, H, W] with pixels 0 to 255, to [N, classes]. Class names and
 * the model line are texts of its metadata. `options` NULL: defaults. */
CF_API cf_status cf_export_onnx(const cf_model *model, const char *path, const cf_onnx_options *options);

typedef struct cf_onnx_import_options {
    const char *normalize; /* "MEANS.. DEVIATIONS..": what is done to pixels / 255 in front of the network; NULL: nothing. Borrowed. */
    const char *const *class_names; /* [class_count]; NULL: those of the file, else "0", "1" .. Borrowed. */
    int class_count;
} cf_onnx_import_options;

/* Reads a network that consists of layers of the model line; what is not understood is named: node, operator, reason. `options`
 * NULL: zeros. */
CF_API cf_status cf_import_onnx(const char *path, const cf_onnx_import_options *options, cf_model **model);

/* ---- Export ------------------------------------------------------------------------------------------- */

typedef struct cf_c_sizes {
    size_t flash_bytes, ram_bytes; /* of its constants, and of its arena */
} cf_c_sizes;

typedef struct cf_c_options {
    const char *name;      /* begins the names of files and functions; NULL: the folder's name. Borrowed. */
    const cf_split *split; /* of its test part come the images of the test program, of its training part the ranges for int8. Borrowed. */
    bool int8;             /* in 8-bit integers: as `cifra eval --precision int8`; default false, float32 */
    int threads;           /* 0: all processors */
    cf_c_sizes *sizes;     /* what it takes is told here; NULL: it is not */
} cf_c_options;

CF_API cf_c_options cf_c_defaults(void);
/* The network as C99 in a folder: NAME.c and NAME.h with NAME_predict, which takes an image of the network's own size and gives the
 * bits of the reference engine; NAME_test.c with up to 10 images and what it must answer; README.md with what each layer takes. */
CF_API cf_status cf_export_c(const cf_model *model, const char *folder, const cf_c_options *options);

#ifdef __cplusplus
}
#endif
#endif
