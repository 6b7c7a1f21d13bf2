// SPDX-License-Identifier: Apache-2.0
// Objects to standard output as -o asks: json, yaml, name.
#pragma once

#include "manifests/text/json.h"

// False, with a message, when `output` is none of "", wide, json, yaml, name.
bool print_object_knows(struct str output, const char *command);
// json, yaml or name; false when `output` is another one ("", wide), and then nothing is printed.
bool print_object(const struct json *object, struct str output);
void print_buf(struct buf *text); // to standard output; disposes
