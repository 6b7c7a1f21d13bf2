// SPDX-License-Identifier: Apache-2.0
// Where the notifications of Rollouts may go: whoever may write one chooses the address, and must
// not reach what only the operator can. Without a rule: any host of the Internet, and nothing
// inside. Pure.
#pragma once

#include "manifests/base/arena.h"
#include "manifests/base/err.h"
#include "manifests/source/net_range.h"

struct notify_rules {
  const struct net_range *networks; // allowed beside the Internet
  size_t networks_count;
  const struct str *hosts; // "hooks.slack.com", "*.example.com"; when there are any, no others
  size_t hosts_count;
  struct str proxy; // URL; then it resolves the names, and has to check what they mean
};

// Checks the options' texts and copies them into `arena`. RC_USAGE names what is wrong.
int notify_rules_read(const struct str *networks, size_t networks_count, const struct str *hosts,
                      size_t hosts_count, struct str proxy, struct arena *arena,
                      struct notify_rules *ret_rules, struct err *err);
// By the URL alone. NULL: nothing against it. The text never shows the address.
const char *notify_rules_url_problem(const struct notify_rules *rules, struct str url,
                                     struct arena *arena);
// By what the host's name means now.
bool notify_rules_may_connect(const struct notify_rules *rules, const struct sockaddr *address);
extern const char notify_rules_refusal[]; // of such an address, for people
