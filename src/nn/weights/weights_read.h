/* Weights in files as others write them, under the names that a network here has. */
#pragma once

#include "base/safetensors.h"
#include "nn/model_line.h"

/* A safetensors file or one of torch.save (nn/weights/pth.h), by its content and not by its name: its tensors with the names
 * that `layers` has (weights_read.c has the rules; what none knows keeps its own) and their values as float32; what has another type
 * is listed without values. Values may be any bits, NaN included, and shapes any: they are the caller's to check. Released by
 * safetensors_free. */
cf_status weights_read(const char *path, const LayerList *layers, StoredFile *file);
