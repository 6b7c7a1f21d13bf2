// SPDX-License-Identifier: Apache-2.0
// Any cookies, query and forwarded addresses as the key of a hash.
#include "manifests/base/bug.h"
#include "proxy/hash_key.h"

#include <netinet/in.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct head head;
  const struct sockaddr_in peer = {.sin_family = AF_INET};
  union {
    const struct sockaddr_in *v4;
    const struct sockaddr *any;
  } address = {&peer};
  struct str text = {(const char *)data, size}, first, rest = text;
  head_init(&head);
  (void)str_next(&rest, '\n', &first);
  (void)head_add_name(&head, STR("cookie"), first);
  (void)head_add_name(&head, STR("cookie"), rest);
  (void)head_add_name(&head, STR("x-forwarded-for"), first);
  head.query = rest;
  for (int key = TABLE_HASH_HEADER; key <= TABLE_HASH_QUERY; key++) {
    for (int trusts = 0; trusts < 2; trusts++) {
      const struct table_hash policy = {.key = (enum table_hash_key)key,
                                        .name =
                                            key == TABLE_HASH_HEADER ? STR("cookie") : STR("a")};
      const struct hash_request request = {&head, address.any, trusts};
      uint64_t one = 0, two = 1;
      enum hash_found found = hash_key_find(&policy, &request, &one);
      BUG_ON(found == HASH_MAKE_COOKIE);
      BUG_ON(hash_key_find(&policy, &request, &two) != found ||
             (found == HASH_FOUND && one != two));
    }
  }
  return 0;
}
