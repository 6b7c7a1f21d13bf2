// SPDX-License-Identifier: Apache-2.0
// The rules are those of Istio's mergeVirtualServicesIfNeeded: a block of the delegate must lie
// within one of the root's, as far as that can be seen from the text of the conditions.
#include "proxy/table_delegates.h"

#include "proxy/host.h"

struct delegate {
  const struct part_object *object;
  bool is_used;
};

static struct str delegates_key(struct builder *builder, struct str namespace_, struct str name) {
  return TABLE_CONCAT(&builder->scratch, namespace_, STR("/"), name);
}

// All VirtualServices by name, once they are asked for.
static struct delegate *delegates_find(struct builder *builder, struct str namespace_,
                                       struct str name) {
  struct map *map = &builder->delegates;
  for (size_t i = 0; !builder->has_delegates && i < builder->virtual_services.count; i++) {
    struct delegate *delegate = ARENA_NEW(&builder->scratch, struct delegate);
    delegate->object = &builder->virtual_services.items[i];
    const struct object_meta *meta = delegate->object->meta;
    (void)map_put(map, delegates_key(builder, meta->namespace_, meta->name), delegate);
  }
  builder->has_delegates = true;
  return map_get(map, delegates_key(builder, namespace_, name));
}

// Whether the delegate's condition asks for something outside of the root's.
static bool text_conflicts(const struct string_match *root, const struct string_match *leaf) {
  if (!root || !leaf)
    return false;
  if (root->regex.ptr) // what lies within a pattern cannot be told
    return leaf->exact.ptr || leaf->prefix.ptr || leaf->regex.ptr;
  if (root->exact.ptr)
    return leaf->prefix.ptr || leaf->regex.ptr ||
           (leaf->exact.ptr && !str_eq(leaf->exact, root->exact));
  if (!root->prefix.ptr)
    return false;
  return leaf->regex.ptr || (leaf->exact.ptr && !str_starts(leaf->exact, root->prefix)) ||
         (leaf->prefix.ptr && !str_starts(leaf->prefix, root->prefix));
}

static const struct string_match *named_find(const struct named_string_match *items, size_t count,
                                             struct str key) {
  for (size_t i = 0; i < count; i++) {
    if (str_eq_nocase(items[i].key, key))
      return &items[i].match;
  }
  return NULL;
}

static bool named_conflicts(const struct named_string_match *root, size_t root_count,
                            const struct named_string_match *leaf, size_t leaf_count) {
  for (size_t i = 0; i < leaf_count; i++) {
    if (text_conflicts(named_find(root, root_count, leaf[i].key), &leaf[i].match))
      return true;
  }
  return false;
}

static bool labels_conflict(const struct string_map *root, const struct string_map *leaf) {
  for (size_t i = 0; i < leaf->count; i++) {
    const struct string_pair *pair = &leaf->items[i];
    for (size_t k = 0; k < root->count; k++) {
      if (str_eq(root->items[k].key, pair->key) && !str_eq(root->items[k].value, pair->value))
        return true;
    }
  }
  return false;
}

static bool gateways_conflict(const struct vs_match *root, const struct vs_match *leaf) {
  for (size_t i = 0; root->gateways_count && i < leaf->gateways_count; i++) {
    bool found = false;
    for (size_t k = 0; k < root->gateways_count; k++)
      found |= str_eq(root->gateways[k], leaf->gateways[i]);
    if (!found)
      return true;
  }
  return false;
}

static bool match_conflicts(const struct vs_match *root, const struct vs_match *leaf) {
  return root->ignore_uri_case != leaf->ignore_uri_case || text_conflicts(root->uri, leaf->uri) ||
         text_conflicts(root->scheme, leaf->scheme) || text_conflicts(root->method, leaf->method) ||
         text_conflicts(root->authority, leaf->authority) ||
         named_conflicts(root->headers, root->headers_count, leaf->headers, leaf->headers_count) ||
         named_conflicts(root->without_headers, root->without_headers_count, leaf->without_headers,
                         leaf->without_headers_count) ||
         named_conflicts(root->query_params, root->query_params_count, leaf->query_params,
                         leaf->query_params_count) ||
         (root->port && leaf->port && root->port != leaf->port) ||
         labels_conflict(&root->source_labels, &leaf->source_labels) ||
         (root->source_namespace.len && leaf->source_namespace.len &&
          !str_eq(root->source_namespace, leaf->source_namespace)) ||
         gateways_conflict(root, leaf);
}

// The delegate's conditions and those of the root that it does not have.
static void named_merge(struct arena *arena, const struct named_string_match *root,
                        size_t root_count, struct named_string_match **leaf, size_t *leaf_count) {
  struct named_string_match *all =
      ARENA_ARRAY(arena, struct named_string_match, root_count + *leaf_count);
  size_t count = 0;
  for (size_t i = 0; i < *leaf_count; i++)
    all[count++] = (*leaf)[i];
  for (size_t i = 0; i < root_count; i++) {
    if (!named_find(*leaf, *leaf_count, root[i].key))
      all[count++] = root[i];
  }
  *leaf = all;
  *leaf_count = count;
}

static void labels_merge(struct arena *arena, const struct string_map *root,
                         struct string_map *leaf) {
  struct string_pair *all = ARENA_ARRAY(arena, struct string_pair, root->count + leaf->count);
  size_t count = 0;
  for (size_t i = 0; i < leaf->count; i++)
    all[count++] = leaf->items[i];
  for (size_t i = 0; i < root->count; i++) {
    if (!string_map_get(leaf, root->items[i].key).ptr)
      all[count++] = root->items[i];
  }
  leaf->items = all;
  leaf->count = count;
}

static struct str name_merge(struct builder *builder, struct str root, struct str leaf) {
  if (!root.len || !leaf.len)
    return root.len ? root : leaf;
  return TABLE_CONCAT(&builder->scratch, root, STR("-"), leaf);
}

static struct vs_match match_merge(struct builder *builder, const struct vs_match *root,
                                   const struct vs_match *leaf) {
  struct arena *arena = &builder->scratch;
  struct vs_match all = *leaf;
  all.name = name_merge(builder, root->name, leaf->name);
  all.uri = leaf->uri ? leaf->uri : root->uri;
  all.scheme = leaf->scheme ? leaf->scheme : root->scheme;
  all.method = leaf->method ? leaf->method : root->method;
  all.authority = leaf->authority ? leaf->authority : root->authority;
  all.port = leaf->port ? leaf->port : root->port;
  all.source_namespace =
      leaf->source_namespace.len ? leaf->source_namespace : root->source_namespace;
  all.stat_prefix = leaf->stat_prefix.len ? leaf->stat_prefix : root->stat_prefix;
  if (!leaf->gateways_count) {
    all.gateways = root->gateways;
    all.gateways_count = root->gateways_count;
  }
  named_merge(arena, root->headers, root->headers_count, &all.headers, &all.headers_count);
  named_merge(arena, root->without_headers, root->without_headers_count, &all.without_headers,
              &all.without_headers_count);
  named_merge(arena, root->query_params, root->query_params_count, &all.query_params,
              &all.query_params_count);
  labels_merge(arena, &root->source_labels, &all.source_labels);
  return all;
}

// False when a block of the delegate lies in none of the root's.
static bool matches_merge(struct builder *builder, const struct vs_http *root,
                          struct vs_http *leaf) {
  size_t capacity = 0, count = 0;
  struct vs_match *all = NULL;
  if (root->match_count == 0)
    return true;
  if (leaf->match_count == 0) {
    leaf->match = root->match;
    leaf->match_count = root->match_count;
    return true;
  }
  for (size_t i = 0; i < leaf->match_count; i++) {
    size_t before = count;
    for (size_t k = 0; k < root->match_count; k++) {
      if (match_conflicts(&root->match[k], &leaf->match[i]))
        continue;
      struct vs_match merged = match_merge(builder, &root->match[k], &leaf->match[i]);
      struct vs_match *place =
          arena_push(&builder->scratch, (void **)&all, &count, &capacity, sizeof *all);
      *place = merged;
    }
    if (count == before)
      return false;
  }
  leaf->match = all;
  leaf->match_count = count;
  return true;
}

// Where the delegate says nothing, the root's policy holds.
static void policies_merge(const struct vs_http *root, struct vs_http *leaf) {
  if (!leaf->rewrite)
    leaf->rewrite = root->rewrite;
  if (!leaf->has_timeout_ms) {
    leaf->has_timeout_ms = root->has_timeout_ms;
    leaf->timeout_ms = root->timeout_ms;
  }
  if (!leaf->retries)
    leaf->retries = root->retries;
  if (!leaf->fault)
    leaf->fault = root->fault;
  if (!leaf->mirror && !leaf->mirrors_count) {
    leaf->mirror = root->mirror;
    leaf->mirrors = root->mirrors;
    leaf->mirrors_count = root->mirrors_count;
  }
  if (!leaf->mirror_percentage && !leaf->has_mirror_percent) {
    leaf->mirror_percentage = root->mirror_percentage;
    leaf->has_mirror_percent = root->has_mirror_percent;
    leaf->mirror_percent = root->mirror_percent;
  }
  if (!leaf->cors_policy)
    leaf->cors_policy = root->cors_policy;
  if (!leaf->headers)
    leaf->headers = root->headers;
}

// Short names of the root mean its own namespace, also behind a delegate of another one.
static const struct vs_http *root_with_full_names(struct builder *builder,
                                                  const struct part_place *place,
                                                  const struct vs_http *from) {
  struct arena *arena = &builder->scratch;
  struct str ns = place->object->meta->namespace_;
  struct vs_http *root = arena_dup(arena, from, sizeof *from);
  if (root->mirror) {
    root->mirror = arena_dup(arena, root->mirror, sizeof *root->mirror);
    root->mirror->host = host_expand(arena, root->mirror->host, ns, builder->domain);
  }
  if (root->mirrors_count)
    root->mirrors = arena_dup(arena, root->mirrors, root->mirrors_count * sizeof *root->mirrors);
  for (size_t i = 0; i < root->mirrors_count; i++) {
    struct str *host = &root->mirrors[i].destination.host;
    *host = host_expand(arena, *host, ns, builder->domain);
  }
  if (root->match_count)
    root->match = arena_dup(arena, root->match, root->match_count * sizeof *root->match);
  for (size_t i = 0; i < root->match_count; i++) {
    struct vs_match *match = &root->match[i];
    struct str *names = ARENA_ARRAY(arena, struct str, match->gateways_count);
    for (size_t k = 0; k < match->gateways_count; k++) {
      bool full =
          str_eq(match->gateways[k], STR("mesh")) || str_find_char(match->gateways[k], '/') >= 0;
      names[k] = full ? match->gateways[k] : TABLE_CONCAT(arena, ns, STR("/"), match->gateways[k]);
    }
    match->gateways = names;
  }
  return root;
}

static const struct virtual_service *delegates_resolve(struct builder *builder,
                                                       const struct part_place *place,
                                                       const struct vs_delegate *from,
                                                       struct delegate **ret_delegate) {
  struct str ns = from->namespace_.len ? from->namespace_ : place->object->meta->namespace_;
  struct delegate *delegate = delegates_find(builder, ns, from->name);
  const struct virtual_service *declared = delegate ? delegate->object->from->object : NULL;
  const char *why = !declared                    ? "does not exist"
                    : declared->spec.hosts_count ? "has hosts of its own, so it is no delegate"
                    : declared->spec.gateways_count
                        ? "has gateways of its own, so it is no delegate"
                        : NULL;
  *ret_delegate = delegate;
  if (!why)
    return declared;
  table_finding(builder, FINDING_WARNING, place->object, table_place(builder, place, ".delegate"),
                "unknown-delegate", "VirtualService %.*s/%.*s %s: this entry takes no requests",
                STR_ARG(ns), STR_ARG(from->name), why);
  return NULL;
}

struct part_http *table_expand_http(struct builder *builder, const struct part_place *place,
                                    const struct vs_http *http, size_t *ret_count) {
  struct part_http *list = ARENA_NEW(&builder->scratch, struct part_http);
  struct delegate *delegate;
  *list = (struct part_http){http, *place};
  *ret_count = 1;
  if (!http->delegate)
    return list;
  *ret_count = 0;
  const struct virtual_service *declared =
      delegates_resolve(builder, place, http->delegate, &delegate);
  if (!declared)
    return list;
  if (!delegate->is_used)
    table_add_source(builder, delegate->object);
  delegate->is_used = true;
  const struct vs_http *root = root_with_full_names(builder, place, http);
  list = ARENA_ARRAY(&builder->scratch, struct part_http, declared->spec.http_count);
  for (size_t i = 0; i < declared->spec.http_count; i++) {
    struct part_place at = {delegate->object, (int)i, -1, -1};
    struct vs_http *leaf = arena_dup(&builder->scratch, &declared->spec.http[i], sizeof *leaf);
    const char *why = leaf->delegate ? "delegates again; one level is all there is"
                      : !matches_merge(builder, root, leaf)
                          ? "asks for requests that the delegating entry does not take"
                          : NULL;
    if (why) {
      table_finding(builder, FINDING_WARNING, at.object, table_place(builder, &at, ""),
                    "ignored-delegate-route", "%s: this entry is ignored", why);
      continue;
    }
    policies_merge(root, leaf);
    leaf->name = name_merge(builder, root->name, leaf->name);
    list[(*ret_count)++] = (struct part_http){leaf, at};
  }
  return list;
}
