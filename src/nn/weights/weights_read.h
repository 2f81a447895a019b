/* Weights in files as others write them, under the names that a network here has. */
#pragma once

#include "base/safetensors.h"
#include "nn/model_line.h"

/* A safetensors file or one of torch.save (pth_read), by its content and not by its name: its tensors with the names
 * that `layers` has (weights_read.c has the rules; what none knows keeps its own) and their values as float32; what has another type
 * is listed without values. Values may be any bits, NaN included, and shapes any: they are the caller's to check. Released by
 * safetensors_free. */
cf_status weights_read(const char *path, const LayerList *layers, StoredFile *file);

/* ---- pth.c: checkpoints of torch.save ---- */

/* Whether the file begins as a zip archive does, or as a pickle does. */
bool pth_is(const char *path);
/* Tensors in the order of the dictionary, values as safetensors_read gives them; released by safetensors_free. */
cf_status pth_read(const char *path, StoredFile *file);
