// SPDX-License-Identifier: Apache-2.0
#include "operator/cli/print_object.h"
#include "manifests/base/limits.h"
#include "manifests/text/yaml.h"
#include "operator/cli/resource_arg.h"

#include <stdio.h>

bool print_object_knows(struct str output, const char *command) {
  static const char *const known[] = {"", "wide", "json", "yaml", "name"};
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (str_eq_z(output, known[i]))
      return true;
  fprintf(stderr, "serin %s: unknown output \"%.*s\"; there are wide, json, yaml and name\n",
          command, STR_ARG(output));
  return false;
}

void print_buf(struct buf *text) {
  fwrite(text->ptr ? text->ptr : "", 1, text->len, stdout);
  fflush(stdout);
  buf_dispose(text);
}

static void print_name(const struct json *object) {
  struct arena arena = {0};
  struct str api = json_get_string(object, "apiVersion"), kind = json_get_string(object, "kind");
  ptrdiff_t slash = str_find_char(api, '/');
  struct kube_resource resource = {
      .group = slash > 0 ? arena_str(&arena, str_slice(api, 0, (size_t)slash)).ptr : "",
      .kind = arena_str(&arena, kind).ptr};
  printf("%.*s\n", STR_ARG(resource_title(&resource, kube_name(object), &arena)));
  arena_dispose(&arena);
}

bool print_object(const struct json *object, struct str output) {
  struct buf text;
  if (str_eq_z(output, "name")) {
    const struct json *items = json_get(object, "items");
    if (!items)
      print_name(object);
    JSON_EACH(item, items)
      print_name(item);
    return true;
  }
  buf_init(&text, 4 * LIMIT_HTTP_REPLY_BYTES);
  if (str_eq_z(output, "json"))
    json_write_pretty(&text, object);
  else if (str_eq_z(output, "yaml"))
    yaml_write(&text, object);
  else
    return false;
  print_buf(&text);
  return true;
}
