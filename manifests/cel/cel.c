// SPDX-License-Identifier: Apache-2.0
#include "manifests/cel/cel.h"
#include "manifests/cel/eval.h"
#include "manifests/cel/parse.h"

int cel_compile(struct str source, const struct cel_variable *variables, size_t count,
                struct arena *arena, struct cel_program *ret_program, struct str *ret_issues) {
  struct cel_issues issues = {.arena = arena};
  struct cel_checked checked = {0};
  struct cel_node *root = cel_parse(source, &issues);
  if (root)
    cel_check(root, variables, count, &issues, &checked);
  if (issues.count) {
    *ret_issues = cel_issues_text(&issues, source);
    return RC_INVALID;
  }
  *ret_program = (struct cel_program){.root = root,
                                      .type = root->type,
                                      .variables = checked.variables,
                                      .variable_count = count,
                                      .slots = checked.slots};
  return RC_OK;
}

struct cel_value cel_evaluate(const struct cel_program *program, const struct cel_value *values,
                              struct arena *arena, uint64_t *ret_cost) {
  size_t count = program->variable_count + program->slots;
  struct cel_run run = {.arena = arena,
                        .slots = ARENA_ARRAY(arena, struct cel_value, count ? count : 1),
                        .limit = CEL_COST_MAX,
                        .memory_limit = arena->used + CEL_MEMORY_MAX};
  for (size_t i = 0; i < program->variable_count; i++)
    run.slots[i] = values[i];
  map_init(&run.patterns);
  regex_worker_init(&run.worker);
  struct cel_value value = cel_eval(&run, program->root);
  regex_worker_dispose(&run.worker);
  regex_free_list(run.compiled);
  map_dispose(&run.patterns);
  *ret_cost = run.stopped && run.cost <= run.limit ? run.limit + 1 : run.cost;
  return value;
}
