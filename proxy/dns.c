// SPDX-License-Identifier: Apache-2.0
#include "proxy/dns.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/base/log.h"
#include "manifests/base/map.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#define DNS_RETRY_MS 5000
#define DNS_ADDRESSES_MAX 256u // of one name

struct dns_name {
  struct dns *dns;
  char *name;
  uv_getaddrinfo_t request;
  bool is_running, is_forgotten, is_answered;
  int last_status;
  uint64_t round, due_ms;
  struct str *addresses; // texts of their own
  size_t count;
};

struct dns {
  uv_loop_t *loop;
  uint64_t interval_ms, round;
  void (*changed)(void *ctx);
  void *ctx;
  uv_timer_t timer;
  struct map names;
  size_t running;
  bool is_closing, timer_closed;
  void (*closed)(void *ctx);
  void *closed_ctx;
};

static void free_addresses(struct str *addresses, size_t count) {
  for (size_t i = 0; i < count; i++) {
    char *text = (char *)(uintptr_t)addresses[i].ptr; // ours since add_address
    xfree(text);
  }
  xfree(addresses);
}

static void free_name(struct dns_name *name) {
  free_addresses(name->addresses, name->count);
  xfree(name->name);
  xfree(name);
}

static void check_closed(struct dns *dns) {
  if (!dns->is_closing || !dns->timer_closed || dns->running > 0)
    return;
  void (*closed)(void *) = dns->closed;
  void *ctx = dns->closed_ctx;
  struct map_iter it = map_begin(&dns->names);
  while (map_each(&it))
    free_name(it.value);
  map_dispose(&dns->names);
  xfree(dns);
  if (closed)
    closed(ctx);
}

static bool has_address(const struct str *addresses, size_t count, struct str text) {
  for (size_t i = 0; i < count; i++) {
    if (str_eq(addresses[i], text))
      return true;
  }
  return false;
}

static size_t read_answer(const struct addrinfo *answer, struct str **ret_addresses) {
  struct str *addresses = xcalloc(DNS_ADDRESSES_MAX, sizeof(*addresses));
  size_t count = 0;
  for (; answer && count < DNS_ADDRESSES_MAX; answer = answer->ai_next) {
    char text[INET6_ADDRSTRLEN] = "";
    union {
      const struct sockaddr *any;
      const struct sockaddr_in *v4;
      const struct sockaddr_in6 *v6;
    } address = {answer->ai_addr};
    if (answer->ai_family != AF_INET && answer->ai_family != AF_INET6)
      continue;
    const void *bytes = answer->ai_family == AF_INET ? (const void *)&address.v4->sin_addr
                                                     : (const void *)&address.v6->sin6_addr;
    if (inet_ntop(answer->ai_family, bytes, text, sizeof(text)) &&
        !has_address(addresses, count, str_of(text)))
      addresses[count++] = str_of(xstrdup(text));
  }
  *ret_addresses = addresses;
  return count;
}

// The same addresses in another order are no change: resolvers rotate them.
static bool take_answer(struct dns_name *name, const struct addrinfo *answer) {
  struct str *addresses;
  size_t count = read_answer(answer, &addresses), same = 0;
  for (size_t i = 0; i < count; i++)
    same += has_address(name->addresses, name->count, addresses[i]);
  if (count == 0 || (same == count && count == name->count)) {
    free_addresses(addresses, count);
    return false;
  }
  free_addresses(name->addresses, name->count);
  name->addresses = addresses;
  name->count = count;
  return true;
}

static void arm(struct dns *dns);

static void on_answer(uv_getaddrinfo_t *request, int status, struct addrinfo *answer) {
  struct dns_name *name = container_of(request, struct dns_name, request);
  struct dns *dns = name->dns;
  name->is_running = false;
  dns->running--;
  bool changed = status == 0 && !dns->is_closing && take_answer(name, answer);
  uv_freeaddrinfo(answer);
  if (name->is_forgotten) {
    free_name(name);
    check_closed(dns);
    return;
  }
  if (status != 0 && status != name->last_status && !dns->is_closing)
    LOG(LOG_WARN, "cannot resolve", LOG_Z("name", name->name), LOG_Z("error", uv_strerror(status)),
        LOG_I("known", (int64_t)name->count));
  name->last_status = status;
  name->is_answered = true;
  uint64_t wait_ms =
      status != 0 && dns->interval_ms > DNS_RETRY_MS ? DNS_RETRY_MS : dns->interval_ms;
  name->due_ms = uv_now(dns->loop) + wait_ms;
  if (dns->is_closing) {
    check_closed(dns);
    return;
  }
  arm(dns);
  if (changed)
    dns->changed(dns->ctx);
}

static void ask(struct dns_name *name) {
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct dns *dns = name->dns;
  if (uv_getaddrinfo(dns->loop, &name->request, on_answer, name->name, NULL, &hints) == 0) {
    name->is_running = true;
    dns->running++;
  } else {
    name->due_ms = uv_now(dns->loop) + DNS_RETRY_MS;
  }
}

static void on_timer(uv_timer_t *timer) {
  struct dns *dns = container_of(timer, struct dns, timer);
  struct map_iter it = map_begin(&dns->names);
  while (map_each(&it)) {
    struct dns_name *name = it.value;
    if (!name->is_running && name->due_ms <= uv_now(dns->loop))
      ask(name);
  }
  arm(dns);
}

static void arm(struct dns *dns) {
  uint64_t next_ms = UINT64_MAX, now_ms = uv_now(dns->loop);
  struct map_iter it = map_begin(&dns->names);
  while (map_each(&it)) {
    const struct dns_name *name = it.value;
    if (!name->is_running && name->due_ms < next_ms)
      next_ms = name->due_ms;
  }
  if (next_ms == UINT64_MAX)
    (void)uv_timer_stop(&dns->timer);
  else
    (void)uv_timer_start(&dns->timer, on_timer, next_ms > now_ms ? next_ms - now_ms : 0, 0);
}

struct dns *dns_new(uv_loop_t *loop, int64_t interval_ms, void (*changed)(void *ctx), void *ctx) {
  struct dns *dns = XNEW(struct dns);
  dns->loop = loop;
  dns->interval_ms = interval_ms > 0 ? (uint64_t)interval_ms : 1;
  dns->changed = changed;
  dns->ctx = ctx;
  map_init(&dns->names);
  BUG_ON(uv_timer_init(loop, &dns->timer) != 0);
  return dns;
}

void dns_begin(struct dns *dns) {
  dns->round++;
}

size_t dns_find(void *ctx, struct str text, const struct str **ret_addresses) {
  struct dns *dns = ctx;
  struct dns_name *name = map_get(&dns->names, text);
  if (!name) {
    name = XNEW(struct dns_name);
    name->dns = dns;
    name->name = xmalloc(text.len + 1);
    memcpy(name->name, text.ptr, text.len);
    name->name[text.len] = '\0';
    (void)map_put(&dns->names, text, name);
  }
  name->round = dns->round;
  *ret_addresses = name->addresses;
  return name->count;
}

void dns_end(struct dns *dns) {
  struct map_iter it = map_begin(&dns->names);
  while (map_each(&it)) {
    struct dns_name *name = it.value;
    if (name->round == dns->round)
      continue;
    (void)map_del(&dns->names, it.key);
    if (name->is_running)
      name->is_forgotten = true; // freed with its answer
    else
      free_name(name);
  }
  arm(dns);
}

bool dns_is_pending(const struct dns *dns) {
  struct map_iter it = map_begin(&dns->names);
  while (map_each(&it)) {
    const struct dns_name *name = it.value;
    if (!name->is_answered)
      return true;
  }
  return false;
}

static void on_timer_closed(uv_handle_t *handle) {
  struct dns *dns = container_of(handle, struct dns, timer);
  dns->timer_closed = true;
  check_closed(dns);
}

void dns_close(struct dns *dns, void (*closed)(void *ctx), void *ctx) {
  dns->is_closing = true;
  dns->closed = closed;
  dns->closed_ctx = ctx;
  struct map_iter it = map_begin(&dns->names);
  while (map_each(&it)) {
    struct dns_name *name = it.value;
    if (name->is_running)
      (void)uv_cancel((uv_req_t *)&name->request);
  }
  uv_close((uv_handle_t *)&dns->timer, on_timer_closed);
}
