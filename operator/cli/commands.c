// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/commands.h"
#include "manifests/base/bug.h"

// One line a command, in the order of `serin --help`.
// clang-format off
#define COMMANDS(XX) \
  XX(up) \
  XX(down) \
  XX(apply) \
  XX(get) \
  XX(list) \
  XX(describe) \
  XX(delete) \
  XX(logs) \
  XX(wait) \
  XX(status) \
  XX(promote) \
  XX(abort) \
  XX(retry) \
  XX(pause) \
  XX(resume) \
  XX(undo) \
  XX(history) \
  XX(explain) \
  XX(plan) \
  XX(analyze) \
  XX(proxy_config) \
  XX(backup) \
  XX(restore) \
  XX(token) \
  XX(certificates) \
  XX(uninstall) \
  XX(completion) \
  XX(version) \
  XX(runtime) \
  XX(shim) \
  XX(operator) \
  XX(proxy) \
  XX(judge) \
  XX(lint) \
  XX(generate) \
  XX(apiserver)
// clang-format on

#define XX(name) extern const struct command cmd_##name;
COMMANDS(XX)
#undef XX

const struct command *const commands[] = {
#define XX(name) &cmd_##name,
    COMMANDS(XX)
#undef XX
};
const size_t command_count = ARRAY_LEN(commands);

const struct command *command_find(struct str name) {
  for (size_t i = 0; i < command_count; i++)
    if (str_eq_z(name, commands[i]->name))
      return commands[i];
  return NULL;
}
