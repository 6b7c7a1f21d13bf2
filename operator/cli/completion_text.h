// SPDX-License-Identifier: Apache-2.0
// Shell completion made from the command tables (commands.h). Pure.
#pragma once

#include "manifests/base/buf.h"
#include "operator/cli/options.h"

// False when `shell` is none of bash, zsh, fish.
bool completion_text(struct str shell, const struct command *const *list, size_t count,
                     struct buf *out);
