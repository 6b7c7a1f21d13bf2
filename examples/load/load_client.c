// SPDX-License-Identifier: Apache-2.0
#include "examples/load/load.h"
#include "manifests/base/alloc.h"
#include "manifests/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <llhttp.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct load_client {
  const struct load_plan *plan;
  int fd; // -1: none
  char request[1024];
  size_t request_len;
  llhttp_settings_t settings;
  llhttp_t parser;
  bool complete;
  char field[32];
  size_t field_len;
  struct load_answer *answer;
};

static int on_field(llhttp_t *parser, const char *at, size_t len) {
  struct load_client *client = parser->data;
  for (size_t i = 0; i < len && client->field_len < sizeof client->field - 1; i++)
    client->field[client->field_len++] = at[i];
  client->field[client->field_len] = '\0';
  return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len) {
  struct load_client *client = parser->data;
  if (str_eq_nocase(str_of(client->field), STR("x-version"))) {
    size_t used = strlen(client->answer->version), room = sizeof client->answer->version - 1 - used;
    if (len > room)
      len = room;
    for (size_t i = 0; i < len; i++) // what does not fit into JSON as it is becomes '?'
      client->answer->version[used + i] =
          at[i] < ' ' || at[i] == '"' || at[i] == '\\' || at[i] == 127 ? '?' : at[i];
  }
  return 0;
}

static int on_value_complete(llhttp_t *parser) {
  struct load_client *client = parser->data;
  client->field_len = 0;
  return 0;
}

static int on_complete(llhttp_t *parser) {
  struct load_client *client = parser->data;
  if (parser->status_code >= 200)
    client->complete = true;
  return 0;
}

struct load_client *load_client_new(const struct load_plan *plan) {
  struct load_client *client = XNEW(struct load_client);
  client->plan = plan;
  client->fd = -1;
  client->request_len = (size_t)snprintf(
      client->request, sizeof client->request,
      "GET %.*s HTTP/1.1\r\nhost: %.*s\r\nuser-agent: serin-load\r\n%s\r\n", STR_ARG(plan->path),
      STR_ARG(plan->host), plan->keep_alive ? "" : "connection: close\r\n");
  if (client->request_len >= sizeof client->request)
    client->request_len = sizeof client->request - 1;
  llhttp_settings_init(&client->settings);
  client->settings.on_header_field = on_field;
  client->settings.on_header_value = on_value;
  client->settings.on_header_value_complete = on_value_complete;
  client->settings.on_message_complete = on_complete;
  return client;
}

static void disconnect(struct load_client *client) {
  if (client->fd >= 0)
    close(client->fd);
  client->fd = -1;
}

void load_client_free(struct load_client *client) {
  disconnect(client);
  xfree(client);
}

static bool wait_for(struct load_client *client, short events, int64_t deadline_ms) {
  struct pollfd poll_fd = {.fd = client->fd, .events = events};
  for (;;) {
    int64_t left = deadline_ms - clock_mono_ms();
    int ready = poll(&poll_fd, 1, left > 0 ? (int)left : 0);
    if (ready > 0)
      return true;
    if (ready == 0 || errno != EINTR)
      return false;
  }
}

static enum load_end connect_now(struct load_client *client, int64_t deadline_ms) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)client->plan->port)};
  int one = 1, fault = 0;
  socklen_t size = sizeof fault;
  inet_pton(AF_INET, client->plan->address.ptr, &to.sin_addr);
  client->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client->fd < 0)
    return LOAD_REFUSED;
  setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(client->fd, (struct sockaddr *)&to, sizeof to) == 0)
    return LOAD_ANSWERED;
  if (errno != EINPROGRESS)
    return LOAD_REFUSED;
  if (!wait_for(client, POLLOUT, deadline_ms))
    return LOAD_TIMEOUT;
  getsockopt(client->fd, SOL_SOCKET, SO_ERROR, &fault, &size);
  return fault ? LOAD_REFUSED : LOAD_ANSWERED;
}

static enum load_end read_answer(struct load_client *client, int64_t deadline_ms) {
  char bytes[16384];
  client->complete = false;
  client->field_len = 0;
  llhttp_init(&client->parser, HTTP_RESPONSE, &client->settings);
  client->parser.data = client;
  while (!client->complete) {
    ssize_t got = recv(client->fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
      if (!wait_for(client, POLLIN, deadline_ms))
        return LOAD_TIMEOUT;
      continue;
    }
    if (got < 0)
      return LOAD_RESET;
    if (got == 0) {
      if (llhttp_finish(&client->parser) != HPE_OK || !client->complete)
        return LOAD_RESET;
      break;
    }
    if (llhttp_execute(&client->parser, bytes, (size_t)got) != HPE_OK)
      return LOAD_GARBAGE;
    client->answer->status = client->parser.status_code;
  }
  return LOAD_ANSWERED;
}

// A request is small enough for one send into an empty socket buffer.
static enum load_end exchange(struct load_client *client, int64_t deadline_ms) {
  ssize_t sent = send(client->fd, client->request, client->request_len, MSG_NOSIGNAL);
  if (sent != (ssize_t)client->request_len)
    return LOAD_RESET;
  return read_answer(client, deadline_ms);
}

// A kept connection that the server closed while idle is no fault of the request: it is noticed
// before use, as every HTTP client does. One that ends after the request was sent counts.
static bool is_still_open(const struct load_client *client) {
  char byte;
  ssize_t got = recv(client->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

struct load_answer load_client_ask(struct load_client *client) {
  struct load_answer answer = {0};
  client->answer = &answer;
  int64_t started_us = clock_mono_us(), deadline_ms = clock_mono_ms() + client->plan->timeout_ms;
  if (client->fd >= 0 && !is_still_open(client))
    disconnect(client);
  answer.reused = client->fd >= 0;
  answer.end = answer.reused ? LOAD_ANSWERED : connect_now(client, deadline_ms);
  if (answer.end == LOAD_ANSWERED)
    answer.end = exchange(client, deadline_ms);
  answer.took_us = clock_mono_us() - started_us;
  if (answer.end != LOAD_ANSWERED || !client->plan->keep_alive ||
      !llhttp_should_keep_alive(&client->parser))
    disconnect(client);
  client->answer = NULL;
  return answer;
}
