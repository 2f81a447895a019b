/* A network from another one: whatever tensor of a file fits by name and shape.
 *
 * The source is a run folder's model.safetensors, or a file. The layers that give outputs keep their tensors where the classes are the
 * same, by name where the file tells; else they are drawn anew. Where the first convolution reads an image, and the image is grey here
 * and RGB there, its weights become their sum over the channels, or a third for each channel (as timm has it): what a grey image gave is
 * what it gives. A `normalize` in front counts: by its deviations, RGB to grey.
 */
#pragma once

#include "nn/model.h"

typedef enum TransferFate {
    TRANSFER_TAKEN,
    TRANSFER_CONVERTED, /* taken, from grey to RGB or back */
    TRANSFER_NEW,       /* the network's, not taken: as it was drawn */
    TRANSFER_LEFT,      /* the file's, for which the network has no place */
    TRANSFER_FATES
} TransferFate;
extern const char *const transfer_words[]; /* "taken", .. */

typedef struct TransferRow {
    TransferFate fate;
    char *name;
    char here[SHAPE_TEXT], there[SHAPE_TEXT]; /* the shape in the network, and in the file; "": not in it */
} TransferRow;

typedef struct Transfer {
    TransferRow *rows; /* the network's tensors in its order, then what was left */
    int count, counts[TRANSFER_FATES];
} Transfer;

/* The file that a source names, in a new string; release with free(). */
cf_status transfer_path(const char *source, char **path);
/* SHA-256 of the file. */
cf_status transfer_sha256(const char *path, char hex[SHA256_HEX]);
/* The line of a file that cifra wrote, for images of so many channels (0: as the file has it), beginning with its input; release with
 * free(). CF_BAD_USE: the file has none. */
cf_status transfer_line(const char *path, int channels, char **line);
/* Takes what fits into the model. A tensor of the same name and another shape, other than of what gives outputs, is told of; a file of which
 * no weights fit is CF_BAD_INPUT, with the first one that does not, and leaves the model as it was. */
cf_status transfer_take(const char *path, cf_model *model, Transfer *transfer);
void transfer_free(Transfer *transfer);
/* A line for each tensor, and their counts. */
void transfer_print(const Transfer *transfer, FILE *out);
