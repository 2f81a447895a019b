#include "data/augment/operation.h"

const Operation filter_operations[] = {{0}};
