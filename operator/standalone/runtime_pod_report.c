// SPDX-License-Identifier: Apache-2.0
// Events that say what of a Pod this machine does not honour.
#include "manifests/schema/enforced.h"
#include "operator/standalone/runtime_pod.h"

#include <unistd.h>

static void add_name(struct buf *names, struct str path, struct str key) {
  buf_addf(names, "%s%.*s%s%.*s", names->len ? ", " : "", STR_ARG(path), key.len ? "." : "",
           STR_ARG(key));
}

// "spec.containers[0].securityContext" as json_path writes it.
static const struct json *at_path(const struct json *object, struct str path, struct arena *arena) {
  char *dotted = arena_dup(arena, path.ptr, path.len + 1);
  size_t len = 0;
  for (size_t i = 0; i < path.len; i++)
    if (path.ptr[i] != ']')
      dotted[len++] = path.ptr[i] == '[' ? '.' : path.ptr[i];
  dotted[len] = 0;
  return json_path(object, dotted);
}

// Of a securityContext the user and the group are honoured, where we may change to them or already
// are them.
static void add_context(struct buf *names, struct str path, const struct json *context) {
  JSON_EACH(item, context) {
    bool user = str_eq(item->key, STR("runAsUser")), group = str_eq(item->key, STR("runAsGroup"));
    int64_t own = user ? (int64_t)geteuid() : (int64_t)getegid();
    if ((user || group) && (geteuid() == 0 || json_int(item, -1) == own))
      continue;
    if (str_eq(item->key, STR("runAsNonRoot")) && geteuid() != 0)
      continue;
    add_name(names, path, item->key);
  }
}

void runtime_pod_report_fields(struct runtime_pod *pod, const struct json *object) {
  struct arena arena;
  arena_init(&arena);
  struct findings findings;
  findings_init(&findings, &arena);
  struct buf names;
  buf_init(&names, 900);
  (void)unenforced_report(&pod_kind, object, STR(""), &arena, &findings);
  for (size_t i = 0; i < findings.count; i++) {
    struct str path = findings.items[i].path;
    if (str_ends(path, STR("ecurityContext")))
      add_context(&names, path, at_path(object, path, &arena));
    else
      add_name(&names, path, STR_NULL);
  }
  if (names.len > 0)
    runtime_pod_event(
        pod, NULL, true, "FieldsNotHonoured",
        arena_printf(&arena, "this machine does not honour: %.*s", STR_ARG(buf_str(&names))));
  buf_dispose(&names);
  for (size_t i = 0; i < pod->machine.count; i++) {
    const struct pod_container *spec = pod->machine.items[i].spec;
    for (int kind = 0; kind < POD_PROBE_KINDS; kind++) {
      const struct pod_probe *probe = pod_probe_of(spec, (enum pod_probe_kind)kind);
      bool tls = probe && probe->http_get && str_eq_nocase(probe->http_get->scheme, STR("HTTPS"));
      if (tls || (probe && probe->grpc))
        runtime_pod_event(pod, &pod->containers[i], true, "ProbeSimplified",
                          arena_printf(&arena,
                                       "the %s probe is done as a TCP connect: %s is not "
                                       "spoken here",
                                       pod_probe_name((enum pod_probe_kind)kind),
                                       tls ? "HTTPS" : "gRPC"));
    }
  }
  arena_dispose(&arena);
}
