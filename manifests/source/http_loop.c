// SPDX-License-Identifier: Apache-2.0
// libcurl's view of the loop: its sockets are polled and its one timer runs there.
#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "manifests/source/http_client_parts.h"

// Of connections that nothing uses: the next write is soon, and each holds some 80 KB of TLS.
#define IDLE_CONNECTIONS_MAX 4

struct http_socket {
  uv_poll_t poll;
  curl_socket_t fd;
  struct http_client *client;
};

static void on_socket_closed(uv_handle_t *handle) {
  struct http_socket *sock = container_of(handle, struct http_socket, poll);
  struct http_client *client = sock->client;
  xfree(sock);
  http_client_handle_gone(client);
}

static void on_poll(uv_poll_t *poll, int status, int events) {
  struct http_socket *sock = container_of(poll, struct http_socket, poll);
  struct http_client *client = sock->client;
  int flags = 0, running;
  if (events & UV_READABLE)
    flags |= CURL_CSELECT_IN;
  if (events & UV_WRITABLE)
    flags |= CURL_CSELECT_OUT;
  if (status < 0)
    flags |= CURL_CSELECT_ERR;
  curl_multi_socket_action(client->multi, sock->fd, flags, &running);
  http_client_collect(client);
}

static int on_curl_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *socket_data) {
  (void)easy;
  struct http_client *client = data;
  struct http_socket *sock = socket_data;
  if (what == CURL_POLL_REMOVE) {
    if (sock) {
      curl_multi_assign(client->multi, fd, NULL);
      uv_close((uv_handle_t *)&sock->poll, on_socket_closed);
    }
    return 0;
  }
  if (!sock) {
    sock = XNEW(struct http_socket);
    sock->fd = fd;
    sock->client = client;
    if (uv_poll_init_socket(client->loop, &sock->poll, fd) != 0) {
      xfree(sock);
      return -1;
    }
    client->handles++;
    curl_multi_assign(client->multi, fd, sock);
  }
  int events = what == CURL_POLL_IN    ? UV_READABLE
               : what == CURL_POLL_OUT ? UV_WRITABLE
                                       : UV_READABLE | UV_WRITABLE; // CURL_POLL_INOUT
  return uv_poll_start(&sock->poll, events, on_poll) == 0 ? 0 : -1;
}

static void on_curl_timeout(uv_timer_t *timer) {
  struct http_client *client = timer->data;
  int running;
  curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  http_client_collect(client);
}

static int on_curl_timer(CURLM *multi, long timeout_ms, void *data) {
  (void)multi;
  struct http_client *client = data;
  if (timeout_ms < 0)
    return uv_timer_stop(&client->curl_timer);
  return uv_timer_start(&client->curl_timer, on_curl_timeout, (uint64_t)timeout_ms, 0);
}

// libcurl counts those in use, too, and looks only when a transfer ends: what many transfers at
// once opened is closed as they end one by one.
void http_loop_fit(struct http_client *client) {
  curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS,
                    (long)(client->running + IDLE_CONNECTIONS_MAX));
}

void http_loop_open(struct http_client *client) {
  client->multi = curl_multi_init();
  BUG_ON(!client->multi);
  curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, on_curl_socket);
  curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
  curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, on_curl_timer);
  curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
  http_loop_fit(client);
  uv_timer_init(client->loop, &client->curl_timer);
  client->curl_timer.data = client;
  client->handles++;
}
