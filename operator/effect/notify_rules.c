// SPDX-License-Identifier: Apache-2.0
#include "operator/effect/notify_rules.h"
#include "manifests/source/http_client.h"

const char notify_rules_refusal[] =
    "its address is inside the cluster, on this machine or reserved, and the operator does not "
    "allow it (--notify-allow)";

// A name, or "*." and a name: letters, digits, "-" and ".".
static bool is_pattern(struct str text) {
  struct str name = str_starts(text, STR("*.")) ? str_slice(text, 2, text.len) : text;
  for (size_t i = 0; i < name.len; i++) {
    char c = name.ptr[i];
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == ':' ||
          c == '[' || c == ']'))
      return false;
  }
  return name.len > 0 && name.ptr[0] != '.' && name.ptr[name.len - 1] != '.';
}

int notify_rules_read(const struct str *networks, size_t networks_count, const struct str *hosts,
                      size_t hosts_count, struct str proxy, struct arena *arena,
                      struct notify_rules *ret_rules, struct err *err) {
  struct net_range *ranges = ARENA_ARRAY(arena, struct net_range, networks_count + 1);
  struct str *names = ARENA_ARRAY(arena, struct str, hosts_count + 1);
  for (size_t i = 0; i < networks_count; i++)
    if (!net_range_parse(networks[i], &ranges[i]))
      return err_set(err, RC_USAGE,
                     "--notify-allow: expected a network like 10.0.0.0/8 or fd00::/8, found "
                     "\"%.*s\"",
                     STR_ARG(networks[i]));
  for (size_t i = 0; i < hosts_count; i++) {
    if (!is_pattern(hosts[i]))
      return err_set(err, RC_USAGE,
                     "--notify-host: expected a host in lower case like hooks.slack.com or "
                     "*.example.com, found \"%.*s\"",
                     STR_ARG(hosts[i]));
    names[i] = arena_str(arena, hosts[i]);
  }
  if (proxy.len && !http_url_host(arena, proxy).len)
    return err_set(err, RC_USAGE, "--notify-proxy: expected http://HOST:PORT");
  *ret_rules =
      (struct notify_rules){ranges, networks_count, names, hosts_count, arena_str(arena, proxy)};
  return RC_OK;
}

static bool is_named(const struct notify_rules *rules, struct str host) {
  for (size_t i = 0; i < rules->hosts_count; i++) {
    struct str pattern = rules->hosts[i];
    bool below = str_starts(pattern, STR("*."));
    struct str end = below ? str_slice(pattern, 1, pattern.len) : pattern; // ".example.com"
    if (below ? host.len > end.len && str_ends(host, end) : str_eq(host, end))
      return true;
  }
  return false;
}

const char *notify_rules_url_problem(const struct notify_rules *rules, struct str url,
                                     struct arena *arena) {
  struct sockaddr_storage address;
  struct str host = http_url_host(arena, url);
  if (!host.len)
    return "its address is not valid";
  if (rules->hosts_count && !is_named(rules, host))
    return "its host is none of those that the operator allows (--notify-host)";
  if (net_address_parse(host, &address) &&
      !notify_rules_may_connect(rules, (const struct sockaddr *)&address))
    return notify_rules_refusal;
  return NULL;
}

bool notify_rules_may_connect(const struct notify_rules *rules, const struct sockaddr *address) {
  for (size_t i = 0; i < rules->networks_count; i++)
    if (net_range_has(&rules->networks[i], address))
      return true;
  return net_is_public(address);
}
