// SPDX-License-Identifier: Apache-2.0
// The list of all commands. A command lives in cmd_<name>.c and has one line in commands.c.
#pragma once

#include "operator/cli/options.h"

extern const struct command *const commands[];
extern const size_t command_count;

const struct command *command_find(struct str name); // NULL when there is none
