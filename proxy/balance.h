// SPDX-License-Identifier: Apache-2.0
// The endpoint of a request's next try: what pick.h decides, with the worker's loads, health and
// random numbers, and the hash of the request where its cluster asks for one.
#pragma once

#include "manifests/base/buf.h"

struct exchange_run;
struct head;
struct table_cluster;
struct table_endpoint;
struct table_hash;
struct worker;

// A request's key for consistent hashing, found when it is first needed.
struct balance_key {
  bool is_known, has_hash;
  uint64_t hash;
  const struct table_hash *cookie; // is made for the response; NULL: none
  char cookie_value[17];
};

// `avoid`: not those this request has tried. NULL when there is no usable one.
const struct table_endpoint *balance_pick(struct exchange_run *run, bool avoid);
// The same for a request without a key and without tries: a mirror. `version`: of the table.
const struct table_endpoint *
balance_pick_any(struct worker *worker, const struct table_cluster *cluster, uint64_t version);
// Adds Set-Cookie for run->key.cookie; its text is in `text`, which must outlive the head's use.
void balance_set_cookie(struct exchange_run *run, struct head *head, struct buf *text);
