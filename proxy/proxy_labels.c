// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_labels.h"

#include "manifests/base/bug.h"

int proxy_labels_parse(struct arena *arena, const struct str *texts, size_t count,
                       const struct table_label **ret_labels, struct err *err) {
  struct table_label *labels = ARENA_ARRAY(arena, struct table_label, count + 1);
  for (size_t i = 0; i < count; i++) {
    ptrdiff_t equals = str_find_char(texts[i], '=');
    if (equals <= 0)
      return err_set(err, RC_USAGE, "--label: expected KEY=VALUE, found \"%.*s\"",
                     STR_ARG(texts[i]));
    labels[i] = (struct table_label){str_slice(texts[i], 0, (size_t)equals),
                                     str_slice(texts[i], (size_t)equals + 1, texts[i].len)};
  }
  *ret_labels = labels;
  return 0;
}

// The value of the first of these names that is there.
static struct str find(const struct table_label *labels, size_t count, const struct str *names,
                       size_t name_count) {
  for (size_t n = 0; n < name_count; n++) {
    for (size_t i = 0; i < count; i++) {
      if (str_eq(labels[i].name, names[n]) && labels[i].value.len > 0)
        return labels[i].value;
    }
  }
  return STR_NULL;
}

struct stats_source proxy_labels_source(struct str workload, struct str namespace_,
                                        const struct table_label *labels, size_t count) {
  static const struct str services[] = {STR("service.istio.io/canonical-name"),
                                        STR("app.kubernetes.io/name"), STR("app")};
  static const struct str revisions[] = {STR("service.istio.io/canonical-revision"),
                                         STR("app.kubernetes.io/version"), STR("version")};
  static const struct str app[] = {STR("app")}, version[] = {STR("version")};
  return (struct stats_source){
      .workload = workload,
      .workload_namespace = namespace_,
      .canonical_service = find(labels, count, services, ARRAY_LEN(services)),
      .canonical_revision = find(labels, count, revisions, ARRAY_LEN(revisions)),
      .app = find(labels, count, app, 1),
      .version = find(labels, count, version, 1),
  };
}
