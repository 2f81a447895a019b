/* A model's weights as PyTorch's load_state_dict(strict=True) takes them. */
#pragma once

#include "nn/model.h"

/* A safetensors file: every tensor of the model under its name, in PyTorch's shape and order, float32; behind each batch norm's
 * its num_batches_tracked, an I64 of 0 (a counter that PyTorch reads only where a norm has no momentum); and the texts of a
 * model file, so that cf_model_load reads it, too. */
cf_status weights_write(const cf_model *model, const char *path);
