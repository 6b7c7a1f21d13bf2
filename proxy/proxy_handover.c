// SPDX-License-Identifier: Apache-2.0
#include "proxy/proxy_handover.h"

#include "manifests/base/log.h"
#include "proxy/admin.h"
#include "proxy/config.h"

#include <fcntl.h>
#include <unistd.h>

int proxy_handover_ask(struct proxy *proxy, struct err *err) {
  const struct proxy_options *options = proxy->options;
  if (options->hand_over.len == 0)
    return 0;
  proxy->hand_over_path = arena_str(&proxy->sockets.arena, options->hand_over);
  int rc = handover_ask(proxy->hand_over_path.ptr, &proxy->offer, err);
  if (rc == RC_NOT_FOUND)
    return 0;
  for (size_t i = 0; rc == 0 && i < proxy->offer.count; i++)
    rc = proxy_sockets_receive(&proxy->sockets, proxy->offer.fds[i], err);
  // An admin socket that is not wanted, or comes from elsewhere.
  bool elsewhere = options->admin_fd >= 0 || str_eq(options->admin, STR("off"));
  if (proxy->offer.admin >= 0 && elsewhere) {
    (void)close(proxy->offer.admin);
    proxy->offer.admin = -1;
  }
  if (rc == 0)
    LOG(LOG_INFO, "took listening sockets over", LOG_I("count", (int64_t)proxy->offer.count));
  return rc;
}

static size_t list(void *ctx, int *fds, int *ret_admin) {
  struct proxy *proxy = ctx;
  size_t count = 0;
  *ret_admin = proxy->admin ? admin_socket(proxy->admin) : -1;
  if (proxy->draining || proxy->quitting)
    return 0;
  for (size_t i = 0; i < proxy->sockets.open_count && count < HANDOVER_SOCKETS_MAX; i++)
    fds[count++] = proxy->sockets.open[i].fd;
  return count + proxy_listeners_fds(proxy, fds + count, HANDOVER_SOCKETS_MAX - count);
}

// The next process serves; what this one has accepted is still answered.
static void done(void *ctx, struct str served) {
  struct proxy *proxy = ctx;
  proxy->served = arena_str(&proxy->sockets.arena, served);
  LOG(LOG_INFO, "handed over");
  for (unsigned i = 0; i < proxy->worker_count; i++)
    worker_hand_over(proxy->workers[i], &proxy->served);
  if (proxy->admin) {
    int fd = admin_quiesce(proxy->admin);
    if (fd >= 0)
      (void)close(fd);
  }
  if (proxy->config)
    config_leave_lease(proxy->config);
  proxy_quit(proxy);
}

static void tell_ready(struct proxy *proxy) {
  struct err err;
  struct buf served;
  buf_init(&served, 1u << 20);
  for (size_t i = 0; i < proxy->sockets.open_count; i++)
    (void)buf_addf(&served, "%s %u\n", proxy->sockets.open[i].host, proxy->sockets.open[i].port);
  for (size_t i = 0; i < proxy->listeners.count; i++) {
    if (proxy->listeners.items[i].socket_count > 0)
      (void)buf_addf(&served, "%s %u\n", proxy->listeners.items[i].address,
                     proxy->listeners.items[i].port);
  }
  if (handover_ready(&proxy->offer, buf_str(&served), &err) != 0)
    LOG(LOG_WARN, "hand-over", LOG_Z("error", err.msg)); // it is gone: all the more is this one
  buf_dispose(&served);
}

void proxy_handover_ready(struct proxy *proxy) {
  struct err err;
  if (proxy->hand_over_path.len == 0)
    return;
  if (proxy->offer.connection >= 0)
    tell_ready(proxy);
  proxy_sockets_drop_received(&proxy->sockets);
  if (proxy->offer.admin >= 0 && proxy_open_admin(proxy, &err) != 0)
    LOG(LOG_ERROR, "admin", LOG_Z("error", err.msg));
  const struct handover_host host = {.list = list, .done = done, .ctx = proxy};
  if (handover_serve(&proxy->loop, proxy->hand_over_path.ptr, &host, &proxy->handover, &err) != 0)
    LOG(LOG_ERROR, "hand-over", LOG_Z("error", err.msg));
}
