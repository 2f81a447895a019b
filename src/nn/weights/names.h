/* Names of tensors as other programs write them, and as the layers of a network here have them: one table of rules.
 *
 * A rule is a row: a pattern, in which each '*' stands for some text, and the name that it becomes. Rules are grouped by the network
 * that they are for, which a tensor of its tells; and a rule is followed only to a name that the network has.
 */
#ifndef NN_WEIGHTS_NAMES_H
#define NN_WEIGHTS_NAMES_H

#include "base/safetensors.h"
#include "nn/model_line.h"

/* Renames the tensors of a file. A name that the layers have, and one that no rule leads to such a name, stays. CF_BAD_INPUT
 * where two tensors come to have one name. `path` is for messages. */
cf_status names_map(const char *path, const LayerList *layers, StoredFile *file);

#endif
