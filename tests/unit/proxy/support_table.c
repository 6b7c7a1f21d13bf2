// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/proxy/support_table.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/text/yaml.h"

#include <stdio.h>

void fixture_init(struct fixture *fixture) {
  static const struct table_listener listener = {
      .address = STR("127.0.0.1"), .port = 15001, .persona = TABLE_MESH, .is_fixed = true};
  *fixture = (struct fixture){.ids = table_ids_new()};
  fixture->settings = (struct table_settings){.name = STR("test"),
                                              .namespace_ = STR("serin-system"),
                                              .listeners = &listener,
                                              .listener_count = 1};
  config_set_init(&fixture->set);
  arena_init(&fixture->arena);
}

void fixture_dispose(struct fixture *fixture) {
  config_set_dispose(&fixture->set);
  table_ids_unref(fixture->ids);
  arena_dispose(&fixture->arena);
}

void fixture_apply_text(struct fixture *fixture, struct str yaml, struct str file) {
  struct arena *arena = &fixture->arena;
  struct findings findings;
  struct yaml_doc *docs;
  findings_init(&findings, arena);
  size_t count = yaml_parse(yaml, file, arena, &docs, &findings);
  for (size_t i = 0; i < findings.count; i++)
    (void)fprintf(stderr, "%s\n", finding_text(&findings.items[i], arena).ptr);
  BUG_ON(findings.errors);
  for (size_t i = 0; i < count; i++) {
    struct json *metadata = json_need_object(arena, docs[i].root, "metadata");
    if (!json_get_string(metadata, "namespace").len)
      (void)json_put_z(arena, metadata, "namespace", "default");
    (void)config_set_put(&fixture->set, docs[i].root, file, docs[i].line);
  }
}

void fixture_apply(struct fixture *fixture, const char *yaml) {
  fixture_apply_text(fixture, str_of(yaml), STR(""));
}

void fixture_apply_of(struct fixture *fixture, const char *head, const char *rest) {
  fixture_apply(fixture, arena_printf(&fixture->arena, "%s%s", head, rest).ptr);
}

bool table_has_finding(const struct proxy_table *table, const char *id, const char *part) {
  for (size_t i = 0; i < table->findings.count; i++) {
    const struct finding *item = &table->findings.items[i];
    if (str_eq_z(item->id, id) &&
        (str_contains(item->message, str_of(part)) || str_contains(item->path, str_of(part))))
      return true;
  }
  return false;
}

struct proxy_table *fixture_build(struct fixture *fixture) {
  struct table_object *objects;
  struct table_input input = {.settings = &fixture->settings,
                              .ids = fixture->ids,
                              .version = ++fixture->version,
                              .now_ms = 0,
                              .dns = fixture->dns,
                              .steady_ms = fixture->steady_ms,
                              .previous = fixture->previous};
  config_set_objects(&fixture->set, NULL, &fixture->arena, &objects, &input.object_count);
  input.objects = objects;
  return table_build(&input);
}

void fixture_add_service(struct fixture *fixture, const char *name, const char *namespace_,
                         const char *const *versions, size_t count) {
  static unsigned next_ip;
  struct buf text;
  buf_init(&text, 1 << 20);
  (void)buf_addf(&text,
                 "apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s}\n"
                 "spec: {ports: [{name: http, port: 8080}]}\n---\n"
                 "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
                 "metadata: {name: %s-1, namespace: %s, labels: {kubernetes.io/service-name: %s}}\n"
                 "addressType: IPv4\nports: [{name: http, port: 8080}]\nendpoints:\n",
                 name, namespace_, name, namespace_, name);
  for (size_t i = 0; i < count; i++, next_ip++)
    (void)buf_addf(&text, "- {addresses: [10.0.%u.%u], targetRef: {kind: Pod, name: %s-%s-abc}}\n",
                   next_ip / 250, next_ip % 250 + 1, name, versions[i]);
  for (size_t i = 0; i < count; i++)
    (void)buf_addf(&text,
                   "---\napiVersion: v1\nkind: Pod\nmetadata:\n  name: %s-%s-abc\n  namespace: %s\n"
                   "  labels: {app: %s, version: %s, pod-template-hash: h%zu}\n"
                   "  ownerReferences: [{kind: ReplicaSet, name: %s-%s-h%zu, controller: true}]\n",
                   name, versions[i], namespace_, name, versions[i], i, name, versions[i], i);
  fixture_apply_text(fixture, buf_str(&text), STR(""));
  buf_dispose(&text);
}

static bool test_header(const void *headers, struct str name, size_t nth, struct str *ret_value) {
  const struct test_request *request = headers;
  for (size_t i = 0; i < request->header_count; i++) {
    if (!str_eq_nocase(request->headers[i].name, name) || nth--)
      continue;
    *ret_value = request->headers[i].value;
    return true;
  }
  return false;
}

static void test_request_add_header(struct test_request *request, struct str word) {
  ptrdiff_t colon = str_find_char(word, ':');
  BUG_ON(colon < 0 || request->header_count == TEST_HEADERS_MAX);
  struct str value = str_slice(word, (size_t)colon + 1, word.len);
  char *copy = arena_dup(&request->arena, value.ptr, value.len);
  for (size_t i = 0; i < value.len; i++)
    copy[i] = copy[i] == '+' ? ' ' : copy[i];
  request->headers[request->header_count].name = str_slice(word, 0, (size_t)colon);
  request->headers[request->header_count].value = (struct str){copy, value.len};
  request->header_count++;
}

struct test_request *test_request_new(const char *line) {
  struct test_request *request = XNEW(struct test_request);
  arena_init(&request->arena);
  struct str rest = arena_strz(&request->arena, line), word;
  struct str *const parts[] = {&request->request.method, &request->request.authority,
                               &request->request.path};
  for (size_t i = 0; str_next(&rest, ' ', &word); i++) {
    if (i < 3)
      *parts[i] = word;
    else
      test_request_add_header(request, word);
  }
  struct str path = request->request.path;
  ptrdiff_t mark = str_find_char(path, '?');
  request->request.query = mark < 0 ? STR_NULL : str_slice(path, (size_t)mark + 1, path.len);
  request->request.path = mark < 0 ? path : str_slice(path, 0, (size_t)mark);
  request->request.listener_port = 15001;
  request->request.scheme = STR("http");
  request->request.header = test_header;
  request->request.headers = request;
  return request;
}

void test_request_free(struct test_request *request) {
  arena_dispose(&request->arena);
  xfree(request);
}

struct str test_route(struct fixture *fixture, const struct proxy_table *table, const char *line) {
  return test_route_at(fixture, table, NULL, line);
}

struct str test_route_at(struct fixture *fixture, const struct proxy_table *table,
                         const struct table_listener *listener, const char *line) {
  struct test_request *request = test_request_new(line);
  request->request.listener = listener;
  if (listener)
    request->request.listener_port = listener->port;
  struct route_worker worker;
  struct route_decision decision;
  route_worker_init(&worker, 1);
  route_worker_fit(&worker, table);
  route_match(table, &request->request, &worker, &decision);
  struct str text =
      decision.kind == ROUTE_FORWARD
          ? arena_str(&fixture->arena, decision.cluster->id)
          : arena_printf(&fixture->arena, "%d%s%.*s", decision.reply.status,
                         decision.reply.flag.len ? " " : "", STR_ARG(decision.reply.flag));
  route_worker_dispose(&worker);
  test_request_free(request);
  return text;
}
