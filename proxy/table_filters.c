// SPDX-License-Identifier: Apache-2.0
// Faults, cross-origin rules and mirrors of a VirtualService's route -> table_filters.
#include "proxy/table_filters.h"

#include "manifests/base/buf.h"
#include "manifests/kinds/retry_on.h"
#include "proxy/table_parts.h"

// Percent -> millionths. Istio hands Envoy (uint32)(percent * 10,000); the small addition keeps
// 0.07 * 10,000 from becoming 699.
static uint32_t filters_share(double percent) {
  double share = percent * 10000.0 + 0.0001;
  return share <= 0 ? 0 : share >= TABLE_SHARE_ALL ? TABLE_SHARE_ALL : (uint32_t)share;
}

// A fault without percentage hits nobody.
static uint32_t filters_fault_share(const struct vs_percentage *percentage, int64_t percent) {
  return percentage ? filters_share(percentage->value) : filters_share((double)percent);
}

static const struct table_fault *filters_fault(struct builder *builder,
                                               const struct vs_fault *from) {
  struct table_fault *fault = ARENA_NEW(builder->arena, struct table_fault);
  fault->abort_grpc = -1;
  if (from->delay) {
    fault->delay_share = filters_fault_share(from->delay->percentage,
                                             from->delay->has_percent ? from->delay->percent : 0);
    fault->delay_ms = from->delay->fixed_delay_ms;
  }
  if (from->abort) {
    fault->abort_share = filters_fault_share(from->abort->percentage, 0);
    fault->abort_status = (int)from->abort->http_status;
    if (!from->abort->has_http_status)
      fault->abort_grpc = grpc_status_number(from->abort->grpc_status);
  }
  return fault;
}

static struct str filters_join(struct arena *arena, const struct str *items, size_t count) {
  struct buf out;
  buf_init(&out, 1u << 20);
  for (size_t i = 0; i < count; i++) {
    (void)buf_add_z(&out, i > 0 ? "," : "");
    (void)buf_add_str(&out, items[i]);
  }
  struct str text = arena_str(arena, buf_str(&out));
  buf_dispose(&out);
  return text;
}

static bool filters_origins(struct builder *builder, const struct part_place *place,
                            const struct vs_cors *from, struct table_cors *cors) {
  struct string_matcher *origins = ARENA_ARRAY(
      builder->arena, struct string_matcher, from->allow_origins_count + from->allow_origin_count);
  bool ok = true;
  for (size_t i = 0; i < from->allow_origins_count; i++) {
    struct string_matcher *origin = &origins[cors->origin_count++];
    ok = table_make_matcher(builder, place, ".corsPolicy.allowOrigins", &from->allow_origins[i],
                            false, origin) &&
         ok;
    cors->any_origin |= str_eq(origin->value, STR("*")) || str_eq(origin->value, STR(".*"));
  }
  for (size_t i = 0; i < from->allow_origin_count; i++) {
    origins[cors->origin_count++] = (struct string_matcher){
        .kind = STRING_MATCH_EXACT, .value = arena_str(builder->arena, from->allow_origin[i])};
    cors->any_origin |= str_eq(from->allow_origin[i], STR("*"));
  }
  cors->origins = origins;
  return ok;
}

static bool filters_cors(struct builder *builder, const struct part_place *place,
                         const struct vs_cors *from, const struct table_cors **ret_cors) {
  struct arena *arena = builder->arena;
  struct table_cors *cors = ARENA_NEW(arena, struct table_cors);
  cors->allow_credentials = from->has_allow_credentials && from->allow_credentials;
  cors->ignore_unmatched = from->unmatched_preflights == VS_PREFLIGHTS_IGNORE;
  cors->allow_methods = filters_join(arena, from->allow_methods, from->allow_methods_count);
  cors->allow_headers = filters_join(arena, from->allow_headers, from->allow_headers_count);
  cors->expose_headers = filters_join(arena, from->expose_headers, from->expose_headers_count);
  cors->echo_methods = str_eq(cors->allow_methods, STR("*"));
  cors->echo_headers = str_eq(cors->allow_headers, STR("*"));
  if (from->has_max_age_ms)
    cors->max_age = arena_printf(arena, "%lld", (long long)(from->max_age_ms / 1000));
  *ret_cors = cors;
  return filters_origins(builder, place, from, cors);
}

static void filters_mirror(struct builder *builder, const struct part_place *place,
                           const char *below, const struct vs_destination *to, double percent,
                           struct table_mirror *mirror) {
  struct table_destination *destination = &mirror->destination;
  table_make_destination(builder, place, to, destination);
  mirror->share = filters_share(percent);
  const char *why = !destination->service                                      ? "unknown-host"
                    : !destination->by_port                                    ? "unknown-subset"
                    : destination->port && destination->fixed_port == SIZE_MAX ? "unknown-port"
                                                                               : NULL;
  if (why)
    table_finding(builder, FINDING_WARNING, place->object, table_place(builder, place, below), why,
                  "%.*s%s%.*s leads nowhere: nothing is mirrored", STR_ARG(destination->host),
                  destination->subset.len ? ", subset " : "", STR_ARG(destination->subset));
}

// mirrorPercentage wins over mirrorPercent; neither means all.
static double filters_mirror_percent(const struct vs_http *http) {
  if (http->mirror_percentage)
    return http->mirror_percentage->value;
  return http->has_mirror_percent ? (double)http->mirror_percent : 100;
}

static void filters_mirrors(struct builder *builder, const struct part_place *place,
                            const struct vs_http *http, struct table_filters *filters) {
  size_t count = http->mirror ? 1 : http->mirrors_count;
  struct table_mirror *mirrors = ARENA_ARRAY(builder->arena, struct table_mirror, count);
  if (http->mirror)
    filters_mirror(builder, place, ".mirror", http->mirror, filters_mirror_percent(http), mirrors);
  for (size_t i = 0; !http->mirror && i < count; i++) {
    const struct vs_mirror *from = &http->mirrors[i];
    struct str below = arena_printf(&builder->scratch, ".mirrors[%zu].destination", i);
    filters_mirror(builder, place, below.ptr, &from->destination,
                   from->percentage ? from->percentage->value : 100, &mirrors[i]);
  }
  for (size_t i = 0; i < count; i++) {
    if (mirrors[i].share > 0 && mirrors[i].destination.by_port)
      mirrors[filters->mirror_count++] = mirrors[i];
  }
  filters->mirrors = mirrors;
}

bool table_make_filters(struct builder *builder, const struct part_place *place,
                        const struct vs_http *http, struct table_route *route) {
  struct table_filters filters = {0};
  bool ok = true;
  if (http->fault)
    filters.fault = filters_fault(builder, http->fault);
  if (http->cors_policy)
    ok = filters_cors(builder, place, http->cors_policy, &filters.cors);
  if (http->mirror || http->mirrors_count)
    filters_mirrors(builder, place, http, &filters);
  if (filters.fault || filters.cors || filters.mirror_count)
    route->filters = arena_dup(builder->arena, &filters, sizeof filters);
  return ok;
}
