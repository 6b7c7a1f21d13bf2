// SPDX-License-Identifier: Apache-2.0
// What an exchange holds for its two sockets is written, and what they took becomes events.
#include "proxy/exchange_run.h"

#include "proxy/connection.h"

static void write_upstream(struct exchange_run *run) {
  struct upstream *upstream = run->upstream;
  if (!upstream || upstream->state != UPSTREAM_ACTIVE)
    return;
  http1_body_close_chunk(&upstream->body);
  if (!upstream->write_failed && !pump_is_empty(&upstream->out) && pump_flush(&upstream->out) != 0)
    upstream->write_failed = true; // what it said before it closed is read first
  if (upstream->write_failed)
    upstream->out.count = 0;
  size_t kept = pump_kept(&upstream->out);
  if (!run->exchange.upstream_full && kept > PUMP_HIGH)
    exchange_run_event(run, EXCHANGE_ON_UPSTREAM_FULL);
  else if (run->exchange.upstream_full && kept <= PUMP_LOW)
    exchange_run_event(run, EXCHANGE_ON_UPSTREAM_READY);
}

static void write_client(struct exchange_run *run) {
  struct connection *connection = run->connection;
  struct pump *out = &connection->work->out;
  http1_body_close_chunk(&connection->work->body);
  if (!pump_is_empty(out) && pump_flush(out) != 0) {
    connection->close = true;
    connection->eof = true;
    exchange_run_event(run, EXCHANGE_ON_CLIENT_GONE);
    return;
  }
  size_t kept = pump_kept(out);
  if (kept == 0 && run->exchange.response == EXCHANGE_CLOSED)
    exchange_run_event(run, EXCHANGE_ON_CLIENT_DRAINED);
  else if (!run->exchange.client_full && kept > PUMP_HIGH)
    exchange_run_event(run, EXCHANGE_ON_CLIENT_FULL);
  else if (run->exchange.client_full && kept <= PUMP_LOW)
    exchange_run_event(run, EXCHANGE_ON_CLIENT_READY);
}

void exchange_run_write(struct exchange_run *run) {
  if (!run->active)
    return;
  write_upstream(run);
  if (run->active)
    write_client(run);
  if (run->upstream)
    upstream_update(run->upstream);
}

void exchange_run_flush(struct exchange_run *run) {
  exchange_run_write(run);
  if (!run->active)
    connection_finish(run->connection);
  else if (run->exchange.tunnel)
    connection_resume(run->connection); // bytes behind the request were waiting for this
  else
    connection_update(run->connection);
}
