// SPDX-License-Identifier: Apache-2.0
#include "proxy/connection_work.h"

#include "manifests/base/alloc.h"
#include "manifests/base/bug.h"
#include "proxy/connection.h"
#include "proxy/worker.h"

static void free_work(void *item) {
  struct connection_work *work = item;
  http1_decoder_dispose(&work->decoder);
  head_dispose(&work->run.request);
  xfree(work);
}

void connection_work_init_spare(struct worker *worker) {
  worker->works.dispose = free_work;
}

void connection_work_take(struct connection *c) {
  struct worker *worker = c->worker;
  struct connection_work *work = worker_spare_take(&worker->works);
  if (!work) {
    work = XNEW(struct connection_work);
    head_init(&work->run.request);
    http1_decoder_init(&work->decoder, false, &worker->settings.limits->http1);
  }
  c->work = work;
  pump_init(&work->out, c->fd);
  http1_body_init(&work->body, &work->out, false);
  work->request_complete = false;
  work->block = NULL;
  work->at = work->len = work->head_end = work->kept = 0;
  work->run.connection = c;
  work->run.worker = worker;
  work->run.active = false;
  http1_decoder_start(&work->decoder, &work->run.request, false);
}

void connection_work_drop_input(struct connection *c) {
  struct connection_work *work = c->work;
  worker_block_put(c->worker, work->block);
  work->block = NULL;
  work->at = work->len = work->head_end = work->kept = 0;
  body_copy_clear(c->worker, &work->copy);
}

void connection_work_put(struct connection *c) {
  struct worker *worker = c->worker;
  struct connection_work *work = c->work;
  if (!work)
    return;
  BUG_ON(work->run.active);
  connection_work_drop_input(c);
  c->sent += work->out.written;
  pump_dispose(&work->out);
  c->work = NULL;
  worker_spare_put(&worker->works, work, worker_now_ms(worker));
}
