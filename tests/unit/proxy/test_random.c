// SPDX-License-Identifier: Apache-2.0
// Properties over random configurations and requests: the first block whose fields all hold
// decides; a table made after many changes is the table of what stands at the end; slots keep their
// rule.
#include "tests/unit/proxy/support_table.h"

#include "manifests/base/rng.h"
#include "proxy/dump.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define SEEDS 300
#define BLOCKS_MAX 4
#define ROUTES_MAX 5

// One field of a block: what is looked at, how, and with which value.
enum random_part { PART_PATH, PART_METHOD, PART_HEADER, PART_NO_HEADER, PART_QUERY, PART_COUNT };
enum random_kind { KIND_NONE, KIND_EXACT, KIND_PREFIX, KIND_REGEX, KIND_PRESENT, KIND_COUNT };

struct random_block {
  enum random_kind kind[PART_COUNT];
  const char *value[PART_COUNT];
};

struct random_route {
  struct random_block blocks[BLOCKS_MAX];
  size_t count; // 0: takes everything
};

static const char *const values[] = {"a", "ab", "abc", "b", "ba"};

static const char *random_value(struct rng *rng) {
  return values[rng_below(rng, 5)];
}

static void random_block(struct rng *rng, struct random_block *block) {
  for (size_t part = 0; part < PART_COUNT; part++) {
    block->kind[part] =
        rng_below(rng, 3) ? KIND_NONE : (enum random_kind)rng_below(rng, KIND_COUNT);
    block->value[part] = random_value(rng);
    bool can_be_present = part >= PART_HEADER;
    if (block->kind[part] == KIND_PRESENT && !can_be_present)
      block->kind[part] = KIND_EXACT;
  }
}

static void write_match(struct buf *out, const struct random_block *block, enum random_part part) {
  const char *slash = part == PART_PATH ? "/" : "";
  switch (block->kind[part]) {
  case KIND_EXACT: (void)buf_addf(out, "{exact: \"%s%s\"}", slash, block->value[part]); break;
  case KIND_PREFIX: (void)buf_addf(out, "{prefix: \"%s%s\"}", slash, block->value[part]); break;
  case KIND_REGEX: (void)buf_addf(out, "{regex: \"%s%s.*\"}", slash, block->value[part]); break;
  case KIND_NONE:
  case KIND_PRESENT:
  case KIND_COUNT: (void)buf_add_z(out, "{}"); break;
  }
}

static void write_routes(struct buf *out, const struct random_route *routes, size_t count) {
  static const char *const open[] = {
      "uri: ", "method: ", "headers: {x: ", "withoutHeaders: {y: ", "queryParams: {k: "};
  (void)buf_add_z(out, "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
                       "metadata: {name: v}\nspec:\n  hosts: [h.example]\n  http:\n");
  for (size_t i = 0; i < count; i++) {
    (void)buf_addf(out, "  - directResponse: {status: %zu}\n", 210 + i);
    if (routes[i].count)
      (void)buf_add_z(out, "    match:\n");
    for (size_t j = 0; j < routes[i].count; j++) {
      (void)buf_add_z(out, "    - {name: m");
      for (size_t part = 0; part < PART_COUNT; part++) {
        if (routes[i].blocks[j].kind[part] == KIND_NONE)
          continue;
        (void)buf_addf(out, ", %s", open[part]);
        write_match(out, &routes[i].blocks[j], (enum random_part)part);
        (void)buf_add_z(out, part >= PART_HEADER ? "}" : "");
      }
      (void)buf_add_z(out, "}\n");
    }
  }
}

// A request as the model sees it: NULL is absent.
struct random_request {
  const char *part[PART_COUNT];
};

// The model: nothing of the code under test but plain string comparison.
static bool model_holds(enum random_kind kind, const char *want, const char *have) {
  switch (kind) {
  case KIND_EXACT: return strcmp(have, want) == 0;
  case KIND_PREFIX:
  case KIND_REGEX: return strncmp(have, want, strlen(want)) == 0;
  case KIND_NONE:
  case KIND_PRESENT:
  case KIND_COUNT: break;
  }
  return true;
}

static bool model_block(const struct random_block *block, const struct random_request *request) {
  for (size_t part = 0; part < PART_COUNT; part++) {
    enum random_kind kind = block->kind[part];
    const char *have = request->part[part];
    if (kind == KIND_NONE)
      continue;
    if (part == PART_NO_HEADER) {
      if (kind == KIND_PRESENT ? have != NULL
                               : model_holds(kind, block->value[part], have ? have : ""))
        return false;
    } else if (!have || !model_holds(kind, block->value[part], have)) {
      return false;
    }
  }
  return true;
}

static size_t model_route(const struct random_route *routes, size_t count,
                          const struct random_request *request) {
  for (size_t i = 0; i < count; i++) {
    if (routes[i].count == 0)
      return 210 + i;
    for (size_t j = 0; j < routes[i].count; j++) {
      if (model_block(&routes[i].blocks[j], request))
        return 210 + i;
    }
  }
  return 404;
}

static void ask(struct fixture *fixture, const struct proxy_table *table, struct rng *rng,
                const struct random_route *routes, size_t count) {
  struct random_request request;
  char line[256];
  for (size_t part = 0; part < PART_COUNT; part++)
    request.part[part] = part < PART_HEADER || rng_below(rng, 2) ? random_value(rng) : NULL;
  const char *x = request.part[PART_HEADER], *y = request.part[PART_NO_HEADER];
  const char *k = request.part[PART_QUERY];
  (void)snprintf(line, sizeof line, "%s h.example /%s%s%s%s%s%s%s", request.part[PART_METHOD],
                 request.part[PART_PATH], k ? "?k=" : "", k ? k : "", x ? " x:" : "", x ? x : "",
                 y ? " y:" : "", y ? y : "");
  struct str got = test_route(fixture, table, line);
  uint64_t status = 0;
  assert_true(str_to_u64(str_slice(got, 0, 3), &status));
  size_t want = model_route(routes, count, &request);
  if (status != want)
    fail_msg("%s: expected %zu, got %s", line, want, got.ptr);
}

static void the_first_block_that_holds_decides(void **state) {
  (void)state;
  size_t answered[ROUTES_MAX + 1] = {0};
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    struct random_route routes[ROUTES_MAX] = {0};
    struct fixture fixture;
    struct rng rng;
    struct buf yaml;
    rng_init(&rng, seed);
    size_t count = 1 + rng_below(&rng, ROUTES_MAX);
    for (size_t i = 0; i < count; i++) {
      routes[i].count = rng_below(&rng, 6) ? 1 + rng_below(&rng, BLOCKS_MAX) : 0;
      for (size_t j = 0; j < routes[i].count; j++)
        random_block(&rng, &routes[i].blocks[j]);
    }
    buf_init(&yaml, 1 << 20);
    write_routes(&yaml, routes, count);
    fixture_init(&fixture);
    fixture_apply_text(&fixture, buf_str(&yaml), STR(""));
    struct proxy_table *table = fixture_build(&fixture);
    if (table->host_count == 0)
      fail_msg("seed %llu: %s\n%s", (unsigned long long)seed,
               finding_text(&table->findings.items[0], &fixture.arena).ptr, buf_z(&yaml));
    for (size_t i = 0; i < 30; i++)
      ask(&fixture, table, &rng, routes, count);
    answered[table->host_count]++;
    table_unref(table);
    fixture_dispose(&fixture);
    buf_dispose(&yaml);
  }
  assert_int_equal(answered[1], SEEDS);
}

// Objects that come and go, each in some versions.
#define POOL 5
static void put(struct fixture *fixture, size_t which, unsigned version) {
  char yaml[1024];
  switch (which % 4) {
  case 0:
    (void)snprintf(yaml, sizeof yaml,
                   "apiVersion: v1\nkind: Service\nmetadata: {name: s%zu, resourceVersion: '%u'}\n"
                   "spec: {ports: [{name: http, port: %u}]}\n",
                   which / 4, version, 80 + version % 3);
    break;
  case 1:
    (void)snprintf(yaml, sizeof yaml,
                   "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
                   "metadata: {name: s%zu, resourceVersion: '%u', labels: {version: v%u, "
                   "kubernetes.io/service-name: s%zu}}\nports: [{name: http, port: 1}]\n"
                   "endpoints: [{addresses: [10.0.0.%u]}, {addresses: [10.0.1.%u]}]\n",
                   which / 4, version, version % 2 + 1, which / 4, version % 5, version % 7);
    break;
  case 2:
    (void)snprintf(yaml, sizeof yaml,
                   "apiVersion: networking.istio.io/v1\nkind: VirtualService\n"
                   "metadata: {name: v%zu, resourceVersion: '%u'}\nspec: {hosts: [s%zu], http: "
                   "[{route: [{destination: {host: s%zu, subset: v1}, weight: %u}, "
                   "{destination: {host: s%zu}, weight: 1}]}]}\n",
                   which / 4, version, which / 4, which / 4, version % 4, (which / 4 + 1) % POOL);
    break;
  default:
    (void)snprintf(yaml, sizeof yaml,
                   "apiVersion: networking.istio.io/v1\nkind: DestinationRule\n"
                   "metadata: {name: d%zu, resourceVersion: '%u'}\nspec: {host: s%zu, subsets: "
                   "[{name: v%u, labels: {version: v1}}]}\n",
                   which / 4, version, which / 4, version % 2 + 1);
    break;
  }
  fixture_apply(fixture, yaml);
}

static void compare(const struct proxy_table *a, const struct proxy_table *b) {
  int (*const dumps[])(struct buf *, const struct proxy_table *) = {dump_routes, dump_endpoints};
  for (size_t i = 0; i < 2; i++) {
    struct buf x, y;
    buf_init(&x, 8 << 20);
    buf_init(&y, 8 << 20);
    assert_int_equal(dumps[i](&x, a), 0);
    assert_int_equal(dumps[i](&y, b), 0);
    assert_string_equal(buf_z(&x), buf_z(&y));
    buf_dispose(&x);
    buf_dispose(&y);
  }
}

// Slots of one table: all different, below the bound; of two tables alive at once: one key, one
// slot, and back.
static void check_slots(const struct proxy_table *older, const struct proxy_table *newer) {
  for (size_t i = 0; i < newer->cluster_count; i++) {
    const struct table_cluster *cluster = &newer->clusters[i];
    assert_true(cluster->slot.index < newer->cluster_slots);
    for (size_t j = 0; j < i; j++)
      assert_int_not_equal(newer->clusters[j].slot.index, cluster->slot.index);
    for (size_t j = 0; older && j < older->cluster_count; j++) {
      const struct table_cluster *other = &older->clusters[j];
      bool same = str_eq(other->id, cluster->id);
      assert_int_equal(same, other->slot.index == cluster->slot.index);
      if (same)
        assert_int_equal(other->slot.generation, cluster->slot.generation);
    }
  }
}

static void many_changes_end_where_a_fresh_start_ends(void **state) {
  (void)state;
  for (uint64_t seed = 0; seed < 40; seed++) {
    struct fixture changed;
    struct rng rng;
    struct proxy_table *last = NULL;
    unsigned versions[4 * POOL] = {0}, next = 1; // 0: not there
    rng_init(&rng, seed);
    fixture_init(&changed);
    for (size_t step = 0; step < 40; step++) {
      for (size_t i = 0; i <= rng_below(&rng, 3); i++) {
        size_t which = rng_below(&rng, 4 * POOL);
        bool goes = rng_below(&rng, 4) == 0;
        versions[which] = goes ? 0 : next++;
        config_set_mark(&changed.set);
        for (size_t j = 0; j < 4 * POOL; j++) {
          if (versions[j])
            put(&changed, j, versions[j]);
        }
        (void)config_set_sweep(&changed.set);
      }
      struct proxy_table *table = fixture_build(&changed);
      check_slots(last, table);
      table_unref(last);
      last = table;
    }
    struct fixture fresh;
    fixture_init(&fresh);
    for (size_t j = 0; j < 4 * POOL; j++) {
      if (versions[j])
        put(&fresh, j, versions[j]);
    }
    struct proxy_table *table = fixture_build(&fresh);
    compare(last, table);
    table_unref(table);
    table_unref(last);
    fixture_dispose(&fresh);
    fixture_dispose(&changed);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_first_block_that_holds_decides),
      cmocka_unit_test(many_changes_end_where_a_fresh_start_ends),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
