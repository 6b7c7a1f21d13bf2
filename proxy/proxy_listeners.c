// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_listeners.h"

#include "manifests/base/alloc.h"
#include "manifests/base/log.h"
#include "proxy/config.h"
#include "proxy/listener.h"
#include "proxy/proxy_state.h"

#include <fcntl.h>
#include <stdio.h>

// A port that is taken: by another process that is about to end, or by a listener of ours that was
// closed a moment ago and is still closing in the workers.
#define RETRY_MS 250

static bool is_of(const struct proxy_listener *item, const struct table_listener *listener) {
  return item->port == listener->port && str_eq_z(listener->address, item->address);
}

static struct proxy_listener *find(const struct proxy_listeners *all,
                                   const struct table_listener *listener) {
  for (size_t i = 0; i < all->count; i++) {
    if (is_of(&all->items[i], listener))
      return &all->items[i];
  }
  return NULL;
}

static void add_socket(struct proxy *proxy, struct proxy_listener *item, int fd) {
  size_t index = item->socket_count++;
  item->sockets = xrealloc(item->sockets, item->socket_count * sizeof(*item->sockets));
  item->sockets[index].fd = fd;
  item->sockets[index].listener =
      listener_new(proxy->workers[index % proxy->worker_count], fd, item->address, item->port);
  item->sockets[index].listener->is_of_gateway = true;
}

static void drop_sockets(struct proxy_listener *item) {
  for (size_t i = 0; i < item->socket_count; i++)
    listener_free(item->sockets[i].listener);
  xfree(item->sockets);
  item->sockets = NULL;
  item->socket_count = 0;
}

// Those of the process before are all served, or what waits in their queues would be lost.
static void take_received(struct proxy *proxy, struct proxy_listener *item) {
  int fd;
  while ((fd = proxy_sockets_take(&proxy->sockets, item->address, item->port)) >= 0)
    add_socket(proxy, item, fd);
  for (size_t i = 0, had = item->socket_count; had > 0 && item->socket_count < proxy->worker_count;
       i++) {
    fd = fcntl(item->sockets[i % had].fd, F_DUPFD_CLOEXEC, 3);
    if (fd < 0)
      return; // fewer workers serve it
    add_socket(proxy, item, fd);
  }
}

// One for each worker or none.
static bool bind_all(struct proxy *proxy, struct proxy_listener *item) {
  char text[64];
  bool is_v6 = str_find_char(str_of(item->address), ':') >= 0;
  (void)snprintf(text, sizeof(text), is_v6 ? "[%s]:%u" : "%s:%u", item->address, item->port);
  for (unsigned i = 0; i < proxy->worker_count; i++) {
    uint16_t port;
    int fd;
    if (listener_bind(str_of(text), true, i == 0, &fd, &port, &item->err) != 0) {
      drop_sockets(item);
      return false;
    }
    add_socket(proxy, item, fd);
  }
  return true;
}

static void open_one(struct proxy *proxy, struct proxy_listener *item) {
  take_received(proxy, item);
  if (item->socket_count == 0 && !bind_all(proxy, item)) {
    if (!item->said)
      LOG(LOG_ERROR, "a Gateway's listener is not open", LOG_Z("address", item->address),
          LOG_I("port", item->port), LOG_Z("error", item->err.msg));
    item->said = true;
    return;
  }
  for (size_t i = 0; i < item->socket_count; i++)
    worker_add_listener(proxy->workers[i % proxy->worker_count], item->sockets[i].listener);
  LOG(LOG_INFO, "listening", LOG_Z("address", item->address), LOG_I("port", item->port));
}

static void retry_if_needed(struct proxy *proxy);

static void on_retry(uv_timer_t *timer) {
  struct proxy *proxy = timer->data;
  struct proxy_listeners *all = &proxy->listeners;
  bool any = false;
  for (size_t i = 0; i < all->count && !proxy->draining; i++) {
    if (all->items[i].socket_count > 0)
      continue;
    open_one(proxy, &all->items[i]);
    any = any || all->items[i].socket_count > 0;
  }
  if (any && proxy->config)
    config_listening_changed(proxy->config);
  retry_if_needed(proxy);
}

static void retry_if_needed(struct proxy *proxy) {
  struct proxy_listeners *all = &proxy->listeners;
  for (size_t i = 0; i < all->count && !proxy->draining; i++) {
    if (all->items[i].socket_count == 0 && !uv_is_active((uv_handle_t *)&all->retry))
      (void)uv_timer_start(&all->retry, on_retry, RETRY_MS, 0);
  }
}

void proxy_listeners_init(struct proxy *proxy) {
  (void)uv_timer_init(&proxy->loop, &proxy->listeners.retry);
  proxy->listeners.retry.data = proxy;
}

void proxy_listeners_open(struct proxy *proxy, const struct proxy_table *table) {
  struct proxy_listeners *all = &proxy->listeners;
  for (size_t i = 0; i < table->listener_count && !proxy->draining; i++) {
    const struct table_listener *listener = &table->listeners[i];
    if (listener->is_fixed || find(all, listener))
      continue;
    all->items = xrealloc(all->items, (all->count + 1) * sizeof(*all->items));
    struct proxy_listener *item = &all->items[all->count++];
    *item = (struct proxy_listener){.port = listener->port};
    (void)snprintf(item->address, sizeof(item->address), "%.*s", STR_ARG(listener->address));
    open_one(proxy, item);
  }
  retry_if_needed(proxy);
}

static void close_one(struct proxy *proxy, struct proxy_listener *item) {
  for (size_t i = 0; i < item->socket_count; i++)
    worker_remove_listener(proxy->workers[i % proxy->worker_count], item->sockets[i].listener);
  if (item->socket_count > 0)
    LOG(LOG_INFO, "listening no more", LOG_Z("address", item->address), LOG_I("port", item->port));
  xfree(item->sockets);
}

void proxy_listeners_close_others(struct proxy *proxy, const struct proxy_table *table) {
  struct proxy_listeners *all = &proxy->listeners;
  size_t kept = 0;
  for (size_t i = 0; i < all->count; i++) {
    struct proxy_listener *item = &all->items[i];
    const struct table_listener *declared =
        table_find_listener(table, str_of(item->address), item->port);
    if (declared && !declared->is_fixed)
      all->items[kept++] = *item;
    else
      close_one(proxy, item);
  }
  all->count = kept;
}

size_t proxy_listeners_fds(const struct proxy *proxy, int *fds, size_t room) {
  size_t count = 0;
  for (size_t i = 0; i < proxy->listeners.count; i++) {
    const struct proxy_listener *item = &proxy->listeners.items[i];
    for (size_t j = 0; j < item->socket_count && count < room; j++)
      fds[count++] = item->sockets[j].fd;
  }
  return count;
}

static const char *listening_error(void *ctx, const struct table_listener *listener) {
  const struct proxy *proxy = ctx;
  const struct proxy_listener *item = listener->is_fixed ? NULL : find(&proxy->listeners, listener);
  return item && item->socket_count == 0 ? item->err.msg : "";
}

struct dump_listening proxy_listeners_listening(struct proxy *proxy) {
  return (struct dump_listening){listening_error, proxy};
}

void proxy_listeners_close(struct proxy *proxy) {
  uv_close((uv_handle_t *)&proxy->listeners.retry, NULL);
}

void proxy_listeners_dispose(struct proxy *proxy) {
  for (size_t i = 0; i < proxy->listeners.count; i++)
    xfree(proxy->listeners.items[i].sockets); // the listeners are the workers'
  xfree(proxy->listeners.items);
}
